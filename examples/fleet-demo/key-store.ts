/** The demo's store, by URL: PostgreSQL or Redis. */
import type { CoherentKeyStore, WritableKeyStore } from 'fastify-tenant-auth'
import { PostgresKeyStore } from 'fastify-tenant-auth/stores/postgres'
import { RedisKeyStore } from 'fastify-tenant-auth/stores/redis'
import { Pool } from 'pg'
import { createClient } from 'redis'

export async function openKeyStore(url: string): Promise<CoherentKeyStore & WritableKeyStore> {
  if (url.startsWith('redis:')) {
    const client = createClient({ url, disableOfflineQueue: true })
    client.on('error', () => {})
    await client.connect()
    return new RedisKeyStore({ client })
  }
  const pool = new Pool({ connectionString: url, max: 5 })
  pool.on('error', () => {})
  const keyStore = new PostgresKeyStore({ pool })
  await keyStore.migrate()
  return keyStore
}
