/**
 * Two limits: how often a tenant may call, and how often a client address may fail to authenticate. Counted in Redis where
 * there is one, so that instances count together; otherwise each counts its own.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { type ErrorEnvelope, ErrorResponse } from 'fastify-tenant-auth'
import { Redis } from 'ioredis'
import type { Settings } from './settings.ts'

const WINDOW = '1 minute'

/**
 * For the outermost scope, before the scopes that are to be protected.
 *
 * Only failures are limited. Many may share an address, and who has a good key must not pay for a neighbour's bad ones.
 */
export async function limitFailures(
  app: FastifyInstance,
  { redisUrl, limits }: Pick<Settings, 'redisUrl' | 'limits'>,
): Promise<void> {
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

  const failures = app.createRateLimit({ max: limits.failuresPerAddress })
  // Not in an error handler: refusals of the guards are no errors, and scopes may have a handler of their own.
  app.addHook('onSend', async (request, reply, payload) => {
    if (reply.statusCode !== 401) return payload
    const state = await failures(request)
    if (state.isAllowed || !state.isExceeded) return payload
    void reply.code(429).removeHeader('www-authenticate').headers({
      'x-ratelimit-limit': state.max,
      'x-ratelimit-remaining': state.remaining,
      'x-ratelimit-reset': state.ttlInSeconds,
      'retry-after': state.ttlInSeconds,
    })
    const message = 'Too many requests with bad credentials came from this address, try again later'
    const error = { code: 'RATE_LIMITED', message }
    return JSON.stringify({ request_id: request.id, error } satisfies ErrorEnvelope)
  })
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
  redis.on('error', (err) => app.log.warn({ err }, 'requests are not limited: Redis is away'))
  app.addHook('onClose', () => redis.disconnect())
  return redis
}
