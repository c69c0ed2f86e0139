/**
 * Two limits: how often a tenant may call, and how often a client address may fail to authenticate. Counted in Redis where
 * there is one, so that instances count together; otherwise each counts its own.
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
  /** To be called before the scope's guard is registered: the hooks of the two run in that order. */
  guard(scope: FastifyInstance): void
}

/** What is known here of a client address. */
interface Attempts {
  /** Failures left in this window, as was told after the last one. */
  left: number
  /** When the window ends, in milliseconds of `Date.now()`. */
  until: number
  underWay: number
  readonly waiting: (() => void)[]
}

const kAttempts = Symbol('attempts')
type Counted = FastifyRequest & { [kAttempts]?: Attempts | null }

/**
 * For the outermost scope, before the scopes that are to be protected.
 *
 * An address that has failed too often is answered 429 before its credential is looked at, a good one as well: only
 * looking would tell. No more attempts of an address are under way at once than it has failures left, the others wait
 * for them, so that a burst is bounded like a trickle. A credential that is remembered is checked at once and never waits.
 */
export async function limitFailures(
  app: FastifyInstance,
  { redisUrl, limits }: Pick<Settings, 'redisUrl' | 'limits'>,
): Promise<FailureLimit> {
  await app.register(rateLimit, {
    global: false,
    timeWindow: WINDOW,
    nameSpace: 'loom-api:rate-limit:',
    // A limiter that is down must not take the API down with it: then nothing is limited, and the log says so.
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
    // As many as may begin, or all, to be refused.
    const next = attempts.left === 0 ? Infinity : attempts.left - attempts.underWay
    for (const resume of attempts.waiting.splice(0, next)) resume()
  }

  return {
    guard(scope) {
      scope.addHook('onRequest', begin)
      // The first hook behind all of `onRequest`: the credential was good.
      scope.addHook('preParsing', (request, _reply, _payload, done) => {
        end(request)
        done()
      })
      // Not in an error handler: refusals of the guards are no errors, and scopes may have a handler of their own.
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

/** For a scope that `tenantAuth` guards, after it: whoever is refused spends nothing of a tenant's. */
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

/** For a scope whose credentials are checked, before its routes: their documentation has the 429, too. */
export function describeLimits(scope: FastifyInstance): void {
  scope.addHook('onRoute', (route) => {
    const response = { ...(route.schema?.response as object | undefined), 429: TOO_MANY }
    route.schema = { ...route.schema, response }
  })
}

function connect(app: FastifyInstance, url: string): Redis {
  const redis = new Redis(url, {
    // Without these, requests would queue up while Redis is away.
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
