/**
 * Whatever state other code of the app has left a pooled connection in: the exchange that it would spoil
 * notices, the connection is closed, and the operation runs on another one. Every leak, for every use
 * that the store makes of a borrowed connection.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { Pool, PoolClient } from 'pg'
import type { FleetReport } from '../../../src/coherence/fleet-report.ts'
import { KeyManager } from '../../../src/keys/key-manager.ts'
import { type PostgresPool, PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { openDatabase } from '../../harness/database.ts'
import {
  pgbouncerAvailable,
  type PostgresServer,
  startPgBouncer,
  startPostgres,
} from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { addKey, addTenant, join, NEVER, newPool, settleFleet } from './setup.ts'

/** States in which a client may be returned, and how the log names them. Harmless ones need no notice. */
const LEAKS: Record<string, { sql: string[]; words?: RegExp }> = {
  BEGIN: { sql: ['BEGIN'], words: /inside a transaction/ },
  'BEGIN ISOLATION LEVEL REPEATABLE READ': {
    sql: ['BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM tenant_auth.coherence'],
    words: /inside a transaction/,
  },
  'a transaction with changes': {
    sql: ['BEGIN', `UPDATE tenant_auth.key_usage SET last_used_at = now()`],
    words: /inside a transaction/,
  },
  'a transaction that has failed': { sql: ['BEGIN', 'SELECT 1/0'], words: /transaction that has failed/ },
  'a read-only transaction': { sql: ['BEGIN READ ONLY'], words: /inside a transaction/ },
  'a savepoint': { sql: ['BEGIN', 'SAVEPOINT one'], words: /inside a transaction/ },
  'SET ROLE': { sql: ['SET ROLE nobody'], words: /another role/ },
  'SET SESSION AUTHORIZATION': { sql: ['SET SESSION AUTHORIZATION nobody'], words: /another role/ },
  default_transaction_read_only: { sql: ['SET default_transaction_read_only = on'] },
  default_transaction_isolation: { sql: [`SET default_transaction_isolation = 'serializable'`] },
  client_encoding: { sql: [`SET client_encoding = 'LATIN1'`], words: /client_encoding/ },
  search_path: { sql: ['SET search_path = pg_temp'] },
  session_replication_role: { sql: ['SET session_replication_role = replica'] },
}

let server: PostgresServer
let admin: Pool
before(async () => {
  server = await startPostgres({ max_connections: 60 })
  admin = newPool(server, { max: 2 })
  await new PostgresKeyStore({ pool: admin }).migrate()
  await admin.query('CREATE ROLE nobody')
})
after(async () => {
  await admin.end()
  await server.stop()
})

/** A member of the fleet, and what it reports about connections that were unfit for use. */
function watch(store: PostgresKeyStore) {
  const spoilt: string[] = []
  const cache = store.coherence.join({
    staleIfError: 0,
    onChanged: () => {},
    onReset: () => {},
    onReport: (report) => report.event === 'spoilt' && spoilt.push(report.words),
  })
  return { cache, spoilt }
}

interface Via {
  pool: Pool
  /** What the store is given. */
  lent: PostgresPool
  stop(): Promise<void>
}

const WAYS: Record<string, { skip?: string | false; open: () => Promise<Via> }> = {
  'a pg pool': {
    open: async () => {
      const pool = newPool(server, { max: 4 })
      return { pool, lent: pool, stop: () => pool.end() }
    },
  },
  'clients without getTransactionStatus(), as before pg 8.23': {
    open: async () => {
      const pool = newPool(server, { max: 4 })
      const hide = (client?: PoolClient) =>
        client &&
        Object.defineProperty(client, 'getTransactionStatus', { value: undefined, configurable: true })
      const lent: PostgresPool = Object.create(pool, {
        connect: {
          value: (callback: (error?: Error, client?: PoolClient) => void) =>
            pool.connect((error, client) => {
              hide(client)
              callback(error, client)
            }),
        },
      }) as PostgresPool
      return { pool, lent, stop: () => pool.end() }
    },
  },
  'PgBouncer in transaction mode': {
    skip: !pgbouncerAvailable() && 'pgbouncer is not installed',
    open: async () => {
      const bouncer = await startPgBouncer(server)
      const pool = newPool(bouncer, { max: 4 })
      return {
        pool,
        lent: pool,
        stop: async () => {
          await pool.end()
          await bouncer.stop()
        },
      }
    },
  },
}

for (const [way, { skip = false, open }] of Object.entries(WAYS)) {
  describe(`a connection of ${way}`, { skip }, () => {
    let via: Via
    let store: PostgresKeyStore
    let elsewhere: PostgresKeyStore
    const reports: FleetReport[] = []

    beforeEach(async () => {
      via = await open()
      store = new PostgresKeyStore({ pool: via.lent })
      elsewhere = new PostgresKeyStore({ pool: admin })
      await settleFleet(elsewhere)
      reports.length = 0
    })
    afterEach(() => via.stop())

    /** Leaves the connections of the pool in this state, but not those that it opens later. */
    const leak = async (sql: readonly string[]) => {
      const clients = await Promise.all([via.pool.connect(), via.pool.connect()])
      for (const client of clients) {
        for (const statement of sql) await client.query(statement).catch(() => {})
      }
      for (const client of clients) client.release()
    }

    for (const [name, { sql, words }] of Object.entries(LEAKS)) {
      // PgBouncer shares its server connections, and a SET stays with them: PgBouncer must undo it.
      if (way.startsWith('PgBouncer') && !sql[0]?.startsWith('BEGIN')) continue
      if (way.startsWith('clients') && !['BEGIN', 'SET ROLE', 'a transaction that has failed'].includes(name))
        continue

      it(`left in ${name} spoils no operation`, async () => {
        const key = await addKey(elsewhere, await addTenant(elsewhere))
        const { cache, spoilt } = watch(store)

        await leak(sql)
        assert.equal((await store.findByHash(key.hash, { signal: NEVER }))?.id, key.id, 'a look-up')
        await leak(sql)
        assert.equal((await store.findKey(key.id))?.id, key.id, 'a read')

        await leak(sql)
        const write = async () => addKey(store, await addTenant(store))
        const made = await write().catch((error: unknown) => assert.fail(`a write: ${String(error)}`))
        assert.equal((await elsewhere.findByHash(made.hash, { signal: NEVER }))?.id, made.id, 'a write')

        await leak(sql)
        await cache.start()
        assert.equal(cache.state, 'coherent', 'a registration and a heartbeat')
        const { rows } = await admin.query('SELECT FROM tenant_auth.instances')
        assert.equal(rows.length, 1, 'the row is committed')

        await leak(sql)
        await store.revokeKey(key.id, new Date())
        assert.ok((await elsewhere.findKey(key.id))?.revokedAt, 'a revocation')
        if (words !== undefined)
          assert.ok(
            spoilt.some((text) => words.test(text)),
            spoilt.join() || 'nothing was reported',
          )
        await cache.close()
        await until(async () => (await admin.query('SELECT FROM tenant_auth.instances')).rows.length === 0)
      })
    }
  })
}

it('a role without rights is not mistaken for a connection left in another role', async (t) => {
  await admin.query('CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA tenant_auth TO reader')
  const connectionString = server.connectionString.replace('postgres@', 'reader@')
  const pool = newPool(server, { connectionString, max: 4 })
  t.after(() => pool.end())
  const store = new PostgresKeyStore({ pool })
  const { cache, spoilt } = watch(store)
  t.after(() => cache.close())
  // On old connections and on new ones.
  const clients = await Promise.all([pool.connect(), pool.connect()])
  for (const client of clients) client.release()
  await assert.rejects(store.findKey('any'), /42501/)
  assert.deepEqual(spoilt, [])
})

it('the error of a read-only connection keeps the words of the server', async (t) => {
  const pool = newPool(server, { max: 2, options: '-c default_transaction_read_only=on' })
  t.after(() => pool.end())
  const error = await addTenant(new PostgresKeyStore({ pool })).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof Error && error.cause instanceof Error)
  assert.match(error.message, /^Nothing was done: .*default_transaction_read_only is on/)
  assert.match(error.cause.message, /^cannot execute \w+ in a read-only transaction$/)
})

describe('a connection of a pool', () => {
  let pool: Pool
  let store: PostgresKeyStore
  beforeEach(() => {
    pool = newPool(server, { max: 4 })
    store = new PostgresKeyStore({ pool })
  })
  afterEach(() => pool.end())

  const leakOne = async (...sql: string[]) => {
    const client = await pool.connect()
    for (const statement of sql) await client.query(statement).catch(() => {})
    client.release()
  }

  it('left with an old snapshot does not hide a revocation from a look-up', async () => {
    const elsewhere = new PostgresKeyStore({ pool: admin })
    const key = await addKey(elsewhere, await addTenant(elsewhere))
    await leakOne('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM tenant_auth.keys')
    await elsewhere.revokeKey(key.id, new Date())
    assert.ok((await store.findByHash(key.hash, { signal: NEVER }))?.revokedAt)
  })

  it('left in a transaction is closed and rolled back, and the others are kept', async () => {
    await Promise.all([pool.query('SELECT 1'), pool.query('SELECT 1'), pool.query('SELECT 1')])
    const closed: unknown[] = []
    pool.on('remove', (client) => closed.push(client))
    const { id } = await addKey(store, await addTenant(store))
    await leakOne('BEGIN', `UPDATE tenant_auth.keys SET name = 'left open' WHERE id = '${id}'`)
    // Round and round: one look-up after the other, each on whatever connection is next.
    for (let i = 0; i < 8; i++) assert.equal((await store.findKey(id))?.name, 'a key')
    assert.equal(closed.length, 1)
  })

  it('left with a statement_timeout is not mistaken for a slow server', async () => {
    await leakOne('SET statement_timeout = 1')
    const slow = newPool(server, { max: 1 })
    const holder = await slow.connect()
    await holder.query('BEGIN')
    await holder.query('LOCK TABLE tenant_auth.keys IN ACCESS EXCLUSIVE MODE')
    const lookup = store.findByHash('00'.repeat(32), { signal: AbortSignal.timeout(8_000) })
    await until(async () => {
      const { rows } = await admin.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)
      return rows.length > 0
    })
    await holder.query('COMMIT')
    holder.release()
    await slow.end()
    assert.equal(await lookup, null)
  })

  it('whose role lacks rights is not closed for every statement that fails', async () => {
    await admin.query('REVOKE ALL ON SCHEMA tenant_auth FROM nobody')
    const poor = newPool(server, { max: 4, options: '-c role=nobody' })
    let closed = 0
    poor.on('remove', () => closed++)
    const limited = new PostgresKeyStore({ pool: poor })
    for (let i = 0; i < 10; i++) {
      await assert.rejects(limited.findKey('x'), {
        message: /^Nothing was done: PostgreSQL refused it \(SQLSTATE 42501\)/,
      })
    }
    assert.ok(closed <= 1, `${closed} closed`)
    await poor.end()
  })

  it('that is read-only makes a write fail, with nothing done, if all others are too', async () => {
    await admin.query('ALTER SYSTEM SET default_transaction_read_only = on')
    await admin.query('SELECT pg_reload_conf()')
    try {
      await until(async () => {
        const { rows } = await pool.query<{ on: string }>('SHOW default_transaction_read_only')
        return Object.values(rows[0] ?? {})[0] === 'on'
      })
      const keys = new KeyManager(store)
      await assert.rejects(keys.createTenant({ name: 'Acme' }), (error: Error & { effect?: string }) => {
        assert.match(
          error.message,
          /^Nothing was done: every connection of the pool is like this: .*read-only/,
        )
        assert.equal(error.effect, 'none')
        return true
      })
    } finally {
      await admin.query('SET default_transaction_read_only = off')
      await admin.query('ALTER SYSTEM RESET default_transaction_read_only')
      await admin.query('SELECT pg_reload_conf()')
    }
  })

  it('is enough for a KeyManager, even as the only one', async () => {
    const one = newPool(server, { max: 1 })
    const single = new PostgresKeyStore({ pool: one })
    await single.migrate()
    const keys = new KeyManager(single)
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { details } = await keys.create({ tenantId: tenant.id, name: 'k', environment: 'live' })
    const client = await one.connect()
    await client.query('BEGIN')
    client.release()
    const { details: revoked } = await keys.revoke(details.id)
    assert.ok(revoked.revokedAt)
    await until(
      async () => (await new PostgresKeyStore({ pool: admin }).findKey(details.id))?.revokedAt !== null,
    )
    await one.end()
  })
})

describe('a database that reports no transaction state on the wire', () => {
  let close: () => Promise<void>
  let pool: PostgresPool
  let store: PostgresKeyStore
  beforeEach(async () => {
    ;({ pool, close } = await openDatabase())
    store = new PostgresKeyStore({ pool })
    await store.migrate()
  })
  afterEach(() => close())

  it('answers nothing from a transaction that was left open after a write', async () => {
    const key = await addKey(store, await addTenant(store))
    await pool.query('BEGIN')
    await pool.query(`UPDATE tenant_auth.keys SET name = 'not committed'`)
    await assert.rejects(store.findByHash(key.hash, { signal: NEVER }), { message: /inside a transaction/ })
    await assert.rejects(join(store, 'a'), { message: /inside a transaction/ })
    await pool.query('ROLLBACK')
    assert.equal((await store.findByHash(key.hash, { signal: NEVER }))?.name, 'a key')
  })

  it('answers nothing from a snapshot that may be old', async () => {
    const key = await addKey(store, await addTenant(store))
    await pool.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await assert.rejects(store.findByHash(key.hash, { signal: NEVER }), { message: /repeatable read/ })
    await pool.query('ROLLBACK')
  })

  it('claims no uncommitted write', async () => {
    const key = await addKey(store, await addTenant(store))
    await pool.query('BEGIN')
    await assert.rejects(store.revokeKey(key.id, new Date()), { code: 'KEY_STORE_UNAVAILABLE' })
    await pool.query('ROLLBACK')
    assert.equal((await store.findKey(key.id))?.revokedAt, null)
  })
})
