/** Where the keys are kept: PostgreSQL, Redis, or a PostgreSQL embedded in this process, as the settings say. */
import type { FastifyInstance } from 'fastify'
import { PostgresKeyStore, RedisKeyStore, type WritableKeyStore } from 'fastify-tenant-auth'
import { openEmbeddedDatabase } from './embedded-database.ts'
import type { KeySettings } from './settings.ts'

/** Connects, and closes with the app what it has opened. Each driver is loaded only where it is used. */
export async function openKeyStore(app: FastifyInstance, settings: KeySettings): Promise<WritableKeyStore> {
  // Drivers report a connection that broke while it was idle here, and end the process where nobody listens.
  const onError = (err: unknown) => app.log.error({ err }, 'connection to the key store lost')
  if (settings.kind === 'redis') {
    const { createClient } = await import('redis')
    const client = createClient({ url: settings.url, disableOfflineQueue: true })
    client.on('error', onError)
    app.addHook('onClose', () => client.destroy())
    await client.connect()
    return new RedisKeyStore({ client })
  }
  if (settings.kind === 'postgres') {
    const { default: pg } = await import('pg')
    const pool = new pg.Pool({ connectionString: settings.url, connectionTimeoutMillis: 2_000 })
    pool.on('error', onError)
    app.addHook('onClose', () => pool.end())
    return migrated(new PostgresKeyStore({ pool }))
  }
  const { pool, close } = await openEmbeddedDatabase(settings.folder)
  app.addHook('onClose', close)
  return migrated(new PostgresKeyStore({ pool }))
}

async function migrated(keyStore: PostgresKeyStore): Promise<PostgresKeyStore> {
  await keyStore.migrate()
  return keyStore
}
