/** Makes the store of an instance. */
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../src/stores/writable-key-store.ts'

export interface StoreOptions {
  kind: 'postgres' | 'redis'
  url: string
  lease: number
  heartbeat: number
}

export interface InstanceStore {
  store: CoherentKeyStore & WritableKeyStore
  close(): Promise<void>
}

export async function makeStore({ kind, url, lease, heartbeat }: StoreOptions): Promise<InstanceStore> {
  if (kind === 'redis') {
    const { createClient } = await import('redis')
    const { RedisKeyStore } = await import('../../src/stores/redis/index.ts')
    const client = createClient({ url, disableOfflineQueue: true })
    client.on('error', () => {})
    await client.connect()
    const store = new RedisKeyStore({ client, lease, heartbeat })
    return { store, close: async () => client.destroy() }
  }
  const { Pool } = await import('pg')
  const { PostgresKeyStore } = await import('../../src/stores/postgres/index.ts')
  const pool = new Pool({ connectionString: url, max: 5, connectionTimeoutMillis: lease })
  pool.on('error', () => {})
  const store = new PostgresKeyStore({ pool, lease, heartbeat })
  return { store, close: () => pool.end() }
}
