/** Makes the store of an instance. */
import type { PoolClient } from 'pg'
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../src/stores/writable-key-store.ts'

/** The size of an instance's pool. */
const CONNECTIONS = 8

export interface StoreOptions {
  kind: 'postgres' | 'redis'
  url: string
  lease: number
  heartbeat: number
}

/** Commands by which other code of the app leaves a client that it shares with the store in a bad state. */
export const LEAKS = {
  postgres: {
    begun: ['BEGIN'],
    oldSnapshot: ['BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT FROM tenant_auth.coherence'],
    aborted: ['BEGIN', 'SELECT 1 / 0'],
    readOnly: ['SET default_transaction_read_only = on'],
    otherRole: ['SET ROLE pg_monitor'],
  },
  redis: { begun: ['MULTI'], otherDatabase: ['SELECT 5'] },
} as const
export type Leak = keyof (typeof LEAKS)['postgres'] | keyof (typeof LEAKS)['redis']

export interface InstanceStore {
  store: CoherentKeyStore & WritableKeyStore
  /** Puts a client in a bad state: on PostgreSQL one of the pool's eight, on Redis the client that the store was given. */
  leak(kind: Leak): Promise<void>
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
    const leak = async (kind: Leak) => {
      for (const command of LEAKS.redis[kind as keyof typeof LEAKS.redis])
        await client.sendCommand(command.split(' '))
    }
    return { store, leak, close: async () => client.destroy() }
  }
  const { Pool } = await import('pg')
  const { PostgresKeyStore } = await import('../../src/stores/postgres/index.ts')
  const pool = new Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: lease })
  pool.on('error', () => {})
  const store = new PostgresKeyStore({ pool, lease, heartbeat })
  const leak = async (kind: Leak) => {
    // All but two: the link keeps one, and look-ups need another. It does not matter if some cannot be had.
    const wanted = Array.from({ length: CONNECTIONS - 2 }, async () => {
      const client = await pool.connect()
      // Another fault may end the connection meanwhile. Without a listener, the error would end the process.
      client.on('error', ignore)
      return client
    })
    const had = (await Promise.allSettled(wanted)).filter((one) => one.status === 'fulfilled')
    const giveBack = (client: PoolClient) => {
      client.removeListener('error', ignore)
      client.release()
    }
    const [leaky, ...others] = had.map(({ value }) => value)
    for (const other of others) giveBack(other)
    if (leaky === undefined) return
    for (const sql of LEAKS.postgres[kind as keyof typeof LEAKS.postgres])
      await leaky.query(sql).catch(ignore)
    giveBack(leaky)
  }
  return { store, leak, close: () => pool.end() }
}

function ignore(): void {}
