/** PostgreSQL as the store of a trial. */
import { Client, Pool } from 'pg'
import { PostgresKeyStore } from '../../src/stores/postgres/index.ts'
import { type PostgresServer, startPgBouncer, startPostgres } from '../servers/index.ts'
import type { StoreOptions } from './instance-store.ts'
import { PushFilter, readPostgresMessage } from './push-filter.ts'
import type { PlainFaults, PlainWrites, StoreTarget } from './store-target.ts'

type Settings = Pick<StoreOptions, 'lease' | 'heartbeat'>

const S = 'tenant_auth'
const REVOKE = `UPDATE ${S}.keys SET revoked_at = now() WHERE id = ANY ($1)`
const PUT_BACK = ['coherence', 'fleet', 'instances']
/** Milliseconds after which a plain write is given up. */
const LIMIT = 3_000

/** @param pooled whether instances reach it through PgBouncer in transaction mode */
export async function startPostgresTarget(
  settings: Settings,
  { pooled = false } = {},
): Promise<StoreTarget & { server: PostgresServer }> {
  const server = await startPostgres({ max_connections: 200 })
  const bouncer = pooled ? await startPgBouncer(server) : undefined
  const pool = new Pool({ connectionString: server.connectionString, max: 2 })
  await new PostgresKeyStore({ pool, ...settings }).migrate()
  await pool.end()
  return {
    server,
    ...(bouncer && { entrance: bouncer }),
    optionsFor: (port) => ({
      kind: 'postgres',
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      ...settings,
    }),
    pushesOf: (proxy) => new PushFilter(proxy, readPostgresMessage),
    killConnections: async () => {
      await run(
        server,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
      )
    },
    plain: plainWrites(server),
    faults: plainFaults(server),
    describe: () =>
      withClient(server, async (client) => {
        const { rows } = await client.query<{ line: string }>(
          `SELECT concat_ws(' ', pid, state, wait_event_type, wait_event, now() - query_start, left(query, 80)) AS line
           FROM pg_stat_activity WHERE client_port IS NOT NULL`,
        )
        return rows.map(({ line }) => line).join('\n')
      }),
    close: async () => {
      await bouncer?.stop()
      await server.stop()
    },
  }
}

function plainFaults(server: PostgresServer): PlainFaults {
  const during = (sql: string, values: unknown[], work: () => Promise<void>) =>
    withClient(server, async (client) => {
      const begin = async () => {
        await client.query('BEGIN')
        await client.query(sql, values)
      }
      // A write to a tenant locks the keys last, one to a key first: whoever locks whole tables may be the one that the
      // server picks to end a deadlock.
      while (await begin().then(() => false, isDeadlock)) await client.query('ROLLBACK')
      await work()
      await client.query('COMMIT')
    })
  return {
    lock: (tables, work) =>
      during(
        `LOCK TABLE ${tables.map((table) => `${S}.${table}`).join(', ')} IN ACCESS EXCLUSIVE MODE`,
        [],
        work,
      ),
    revokeSlowly: (ids, work) => during(REVOKE, [ids], work),
    loseRows: (how) => run(server, `${how === 'one by one' ? 'DELETE FROM' : 'TRUNCATE'} ${S}.instances`),
  }
}

function plainWrites(server: PostgresServer): PlainWrites {
  return {
    revoke: (ids) => run(server, REVOKE, [ids]),
    revokeAndRollBack: (id) => transaction(server, [[REVOKE, [[id]]]], 'ROLLBACK'),
    suspend: (id) => run(server, `UPDATE ${S}.tenants SET suspended_at = now() WHERE id = $1`, [id]),
    hardDelete: (id) => run(server, `DELETE FROM ${S}.keys WHERE id = $1`, [id]),
    deleteAll: () => run(server, `TRUNCATE ${S}.tenants CASCADE`),
    turningBackLosesAll: false,
    // A restore also brings back the rows of the instances, none of which has acknowledged more than the epoch.
    turnBack: (id) =>
      transaction(server, [
        [REVOKE, [[id]]],
        [`UPDATE ${S}.coherence SET epoch = epoch / 2`],
        [`UPDATE ${S}.instances SET acknowledged = least(acknowledged, (SELECT epoch FROM ${S}.coherence))`],
      ]),
    putBack: (id) =>
      transaction(server, [
        ...PUT_BACK.map((table): [string] => [
          `CREATE TEMP TABLE old_${table} ON COMMIT DROP AS TABLE ${S}.${table}`,
        ]),
        [REVOKE, [[id]]],
        ...PUT_BACK.flatMap((table): [string][] => [
          [`DELETE FROM ${S}.${table}`],
          [`INSERT INTO ${S}.${table} TABLE old_${table}`],
        ]),
      ]),
    changeTag: (id) =>
      transaction(server, [
        [REVOKE, [[id]]],
        [`UPDATE ${S}.coherence SET epoch = epoch - 1, tag = gen_random_uuid()`],
      ]),
  }
}

/** @throws any other error */
function isDeadlock(error: unknown): true {
  if ((error as { code?: string }).code === '40P01') return true
  throw error
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

/** Connects directly, not through the proxy of an instance, so that no fault of a connection affects it. */
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
