/**
 * Keys in Redis 7 or later, or Valkey, with a cache in front that is coherent on the whole fleet.
 *
 * ```ts
 * import { createClient } from 'redis'
 * import { RedisKeyStore } from 'fastify-tenant-auth/stores/redis'
 *
 * const client = createClient({ url: process.env.REDIS_URL, disableOfflineQueue: true })
 * client.on('error', (error) => log.error(error))
 * await client.connect()
 * const keyStore = new RedisKeyStore({ client })
 * ```
 */
export type { RedisClient } from './client.ts'
export { RedisKeyStore, type RedisKeyStoreOptions } from './store.ts'
