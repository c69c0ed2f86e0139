/**
 * Two limits: how often a tenant may call, and how often a client address may fail to authenticate. Counted in Redis where
 * there is one, so that instances count together; otherwise each counts its own.
 */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import type { Settings } from './settings.ts'

const WINDOW = '1 minute'

/** For the outermost scope, before the scopes that are to be protected. */
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
    errorResponseBuilder: (_request, { after }) => tooMany(`Too many requests, try again in ${after}`),
    ...(redisUrl !== undefined && { redis: connect(app, redisUrl) }),
  })

  const failures = app.createRateLimit({ max: limits.failuresPerAddress })
  app.addHook('onRequest', async (request, reply) => {
    // Only looks: what succeeds is not counted.
    const state = await failures(request, { increment: false })
    if (state.isAllowed || state.remaining > 0) return
    reply.header('retry-after', state.ttlInSeconds)
    throw tooMany('Too many requests with bad credentials came from this address, try again later')
  })
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode === 401) await failures(request)
  })
}

/** For a scope that `tenantAuth` guards, after it: whoever is refused spends nothing of a tenant's. */
export function limitTenants(api: FastifyInstance, { limits }: Pick<Settings, 'limits'>): void {
  const keyGenerator = (request: { tenant: { id: string } }) => `tenant:${request.tenant.id}`
  api.addHook('onRequest', api.rateLimit({ max: limits.requestsPerTenant, keyGenerator }))
}

function tooMany(message: string): Error {
  return Object.assign(new Error(message), { statusCode: 429 })
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
