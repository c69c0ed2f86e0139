/**
 * Two limits: how often a tenant may call, and how often a client address may fail to authenticate. They are counted in
 * Redis if there is one, so that instances count together; otherwise each instance counts alone.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ErrorResponse } from 'fastify-tenant-auth'
import { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { networkOf } from './client-address.ts'
import { outageLog } from './outage-log.ts'
import type { Settings } from './settings.ts'

const WINDOW = '1 minute'

/** For scopes whose credentials are checked. */
export interface FailureLimit {
  /** Call it before you register the scope's guard, because the hooks of the two run in that order. */
  guard(scope: FastifyInstance): void
}

/** What this instance knows of a client address. */
interface Attempts {
  /** Failures left in this window, as counted after the last one. */
  left: number
  /** When the window ends, in milliseconds of `Date.now()`. */
  until: number
  underWay: number
  readonly waiting: (() => void)[]
}

const kAttempts = Symbol('attempts')
type Counted = FastifyRequest & { [kAttempts]?: Attempts | null }

/**
 * Call it in the outermost scope, before the scopes to protect.
 *
 * An address that has failed too often gets a 429 before its credential is checked, even if it is good, because only the
 * check could tell. An address may have as many attempts under way as it has failures left, and the others wait, so that a
 * burst is bounded like a trickle. A good credential that is remembered is checked at once, and makes no other wait.
 */
export async function limitFailures(
  app: FastifyInstance,
  { redisUrl, limits }: Pick<Settings, 'redisUrl' | 'limits'>,
): Promise<FailureLimit> {
  await app.register(rateLimit, {
    global: false,
    timeWindow: WINDOW,
    nameSpace: 'loom-api:rate-limit:',
    // If Redis is down, the API must not go down with it: nothing is limited then, and the log says so.
    skipOnError: true,
    errorResponseBuilder: (_request, { after }) =>
      Object.assign(new Error(`Too many requests, try again in ${after}`), { statusCode: 429 }),
    ...(redisUrl !== undefined && { redis: connect(app, redisUrl) }),
  })

  const max = limits.failuresPerAddress
  const count = app.createRateLimit({ max, keyGenerator: ({ ip }) => networkOf(ip) })
  const known = new LRUCache<string, Attempts>({ max: 100_000 })
  app.decorateRequest(kAttempts, null)

  function attemptsOf(address: string): Attempts {
    let attempts = known.get(address)
    if (attempts === undefined) {
      attempts = { left: max, until: Infinity, underWay: 0, waiting: [] }
      known.set(address, attempts)
    }
    if (Date.now() >= attempts.until) Object.assign(attempts, { left: max, until: Infinity })
    return attempts
  }

  function begin(request: Counted, reply: FastifyReply, done: () => void): void {
    const attempts = attemptsOf(networkOf(request.ip))
    if (attempts.left === 0) refuse(request, reply, max, attempts.until)
    else if (attempts.underWay >= attempts.left) attempts.waiting.push(() => begin(request, reply, done))
    else {
      attempts.underWay++
      request[kAttempts] = attempts
      done()
    }
  }

  function end(request: Counted): void {
    const attempts = request[kAttempts]
    if (!attempts) return
    request[kAttempts] = null
    attempts.underWay--
    // As many as may begin; or all of them, which are then refused.
    const next = attempts.left === 0 ? Infinity : attempts.left - attempts.underWay
    for (const resume of attempts.waiting.splice(0, next)) resume()
  }

  return {
    guard(scope) {
      scope.addHook('onRequest', begin)
      // The first hook after all of `onRequest`: the credential was good.
      scope.addHook('preParsing', (request, _reply, _payload, done) => {
        end(request)
        done()
      })
      // Not in an error handler: the guards' refusals are not errors, and a scope may have its own handler.
      scope.addHook('onSend', async (request: Counted, reply) => {
        const attempts = request[kAttempts]
        if (attempts && reply.statusCode === 401) {
          const state = await count(request)
          if (!state.isAllowed && state.ttl > 0) {
            attempts.left = state.remaining
            attempts.until = Date.now() + state.ttl
          }
        }
        end(request)
      })
    },
  }
}

function refuse(request: FastifyRequest, reply: FastifyReply, max: number, until: number): void {
  const seconds = Math.ceil((until - Date.now()) / 1_000)
  const message = 'Too many requests with bad credentials came from this address, try again later'
  void reply
    .code(429)
    .headers({
      'x-ratelimit-limit': max,
      'x-ratelimit-remaining': 0,
      'x-ratelimit-reset': seconds,
      'retry-after': seconds,
    })
    .send({ request_id: request.id, error: { code: 'RATE_LIMITED', message } } satisfies ErrorResponse)
}

/** Call it in a scope that `tenantAuth` guards, after it, so that refused requests do not count for a tenant. */
export function limitTenants(api: FastifyInstance, { limits }: Pick<Settings, 'limits'>): void {
  const keyGenerator = (request: { tenant: { id: string } }) => `tenant:${request.tenant.id}`
  api.addHook('onRequest', api.rateLimit({ max: limits.requestsPerTenant, keyGenerator }))
}

const seconds = (description: string) => ({ type: 'integer', description })
const TOO_MANY = {
  ...ErrorResponse,
  description: 'Too many requests of the tenant, or failed authentications from the address',
  headers: {
    'X-RateLimit-Limit': { type: 'integer', description: 'How many a minute' },
    'X-RateLimit-Remaining': { type: 'integer', description: 'How many are left' },
    'X-RateLimit-Reset': seconds('Seconds until they are counted anew'),
    'Retry-After': seconds('The same'),
  },
}

/** Call it in a scope whose credentials are checked, before its routes. It adds the 429 to their documentation. */
export function describeLimits(scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => {
    const response = { ...(route.schema?.response as object | undefined), 429: TOO_MANY }
    route.schema = { ...route.schema, response }
  })
}

function connect(app: FastifyInstance, url: string): Redis {
  const redis = new Redis(url, {
    // Without these, requests would queue up while Redis is down.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    commandTimeout: 500,
  })
  const { lost, restored } = outageLog(app.log, 'connection to Redis, without which nothing is limited,')
  redis.on('error', lost).on('ready', restored)
  app.addHook('onClose', () => redis.disconnect())
  return redis
}
