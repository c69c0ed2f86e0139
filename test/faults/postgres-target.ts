/** PostgreSQL under trial. */
import { Client, Pool } from 'pg'
import { PostgresKeyStore } from '../../src/stores/postgres/index.ts'
import { type Filter, type PostgresServer, startPostgres } from '../servers/index.ts'
import type { StoreOptions } from './instance-store.ts'
import type { PlainWrites, StoreTarget } from './store-target.ts'

type Settings = Pick<StoreOptions, 'lease' | 'heartbeat'>

const S = 'tenant_auth'
/** Milliseconds after which a plain write is given up. */
const LIMIT = 3_000

export async function startPostgresTarget(settings: Settings): Promise<StoreTarget> {
  const server = await startPostgres({ max_connections: 200 })
  const pool = new Pool({ connectionString: server.connectionString, max: 2 })
  await new PostgresKeyStore({ pool, ...settings }).migrate()
  await pool.end()
  return {
    server,
    optionsFor: (port) => ({
      kind: 'postgres',
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      ...settings,
    }),
    dropPushes: (proxy) => proxy.filter('down', withoutNotifications),
    killConnections: async () => {
      await run(
        server,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
      )
    },
    plain: plainWrites(server),
    describe: () =>
      withClient(server, async (client) => {
        const { rows } = await client.query<{ line: string }>(
          `SELECT concat_ws(' ', pid, state, wait_event_type, wait_event, now() - query_start, left(query, 80)) AS line
           FROM pg_stat_activity WHERE client_port IS NOT NULL`,
        )
        return rows.map(({ line }) => line).join('\n')
      }),
    close: () => server.stop(),
  }
}

function plainWrites(server: PostgresServer): PlainWrites {
  const revoke = `UPDATE ${S}.keys SET revoked_at = now() WHERE id = ANY ($1)`
  return {
    revoke: (ids) => run(server, revoke, [ids]),
    revokeAndRollBack: (id) => transaction(server, [[revoke, [[id]]]], 'ROLLBACK'),
    suspend: (id) => run(server, `UPDATE ${S}.tenants SET suspended_at = now() WHERE id = $1`, [id]),
    hardDelete: (id) => run(server, `DELETE FROM ${S}.keys WHERE id = $1`, [id]),
    deleteAll: () => run(server, `TRUNCATE ${S}.tenants CASCADE`),
    turningBackLosesAll: false,
    // A restore brings the rows of the instances back as well, none newer than the counter.
    turnBack: (id) =>
      transaction(server, [
        [revoke, [[id]]],
        [`UPDATE ${S}.coherence SET epoch = epoch / 2`],
        [`UPDATE ${S}.instances SET acknowledged = least(acknowledged, (SELECT epoch FROM ${S}.coherence))`],
      ]),
    changeTag: (id) =>
      transaction(server, [
        [revoke, [[id]]],
        [`UPDATE ${S}.coherence SET epoch = epoch - 1, tag = gen_random_uuid()`],
      ]),
  }
}

async function run(server: PostgresServer, sql: string, values: unknown[] = []): Promise<void> {
  await withClient(server, (client) => client.query(sql, values))
}

async function transaction(
  server: PostgresServer,
  statements: [sql: string, values?: unknown[]][],
  end = 'COMMIT',
): Promise<void> {
  await withClient(server, async (client) => {
    await client.query('BEGIN')
    for (const [sql, values] of statements) await client.query(sql, values)
    await client.query(end)
  })
}

/** Not through a proxy: whoever does this has a way of their own to the server. */
async function withClient<T>(server: PostgresServer, work: (client: Client) => Promise<T>): Promise<T> {
  const { connectionString } = server
  const client = new Client({ connectionString, connectionTimeoutMillis: LIMIT, query_timeout: LIMIT })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    void client.end().catch(() => {})
  }
}

/** Takes `NotificationResponse` (type `A`) out of what a server sends. Each message: type, length, the rest. */
function withoutNotifications(): Filter {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const passed: Buffer[] = []
    while (rest.length >= 5) {
      const end = 1 + rest.readUInt32BE(1)
      if (rest.length < end) break
      if (rest[0] !== 'A'.charCodeAt(0)) passed.push(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
    return Buffer.concat(passed)
  }
}
