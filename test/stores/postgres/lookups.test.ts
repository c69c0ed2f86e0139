/** Look-ups that share a statement, on a real server. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { type PostgresPool, PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { sampleHash } from '../../../src/testing/store-contract/sample-records.ts'
import { openDatabase } from '../../harness/database.ts'
import { until } from '../../harness/until.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, newPool } from './setup.ts'

describe('concurrent look-ups of PostgresKeyStore', () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresKeyStore

  before(async () => {
    server = await startPostgres()
    pool = newPool(server, { max: 8 })
    store = new PostgresKeyStore({ pool })
    await store.migrate()
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  const find = (hash: string, signal = new AbortController().signal) => store.findByHash(hash, { signal })

  it('share one connection, or one statement on a pool that has only query()', async (t) => {
    const database = await openDatabase()
    t.after(() => database.close())
    let sent = 0
    const counted = (given: PostgresPool): PostgresPool => ({
      query(text, values) {
        if (text.includes('find_by_hashes($1')) sent++
        return given.query(text, values)
      },
    })
    const tenantId = await addTenant(store)
    const keys = await Promise.all(Array.from({ length: 60 }, () => addKey(store, tenantId)))
    let taken = 0
    pool.on('acquire', () => taken++)
    const found = await Promise.all(keys.map(({ hash }) => find(hash)))
    assert.deepEqual(
      found.map((key) => key?.id),
      keys.map(({ id }) => id),
    )
    assert.equal(taken, 1)

    const alone = new PostgresKeyStore({ pool: counted(database.pool) })
    await alone.migrate()
    const key = await addKey(alone, await addTenant(alone))
    const signal = new AbortController().signal
    const [known, unknown] = await Promise.all([
      alone.findByHash(key.hash, { signal }),
      alone.findByHash(sampleHash(), { signal }),
    ])
    assert.deepEqual([known?.id, unknown, sent], [key.id, null, 1])
  })

  it('fail only for the key whose row cannot be read', async () => {
    const tenantId = await addTenant(store)
    const keys = await Promise.all(Array.from({ length: 20 }, () => addKey(store, tenantId)))
    const broken = keys[7] ?? assert.fail()
    await pool.query('ALTER TABLE tenant_auth.keys DROP CONSTRAINT keys_times_finite')
    await pool.query(`UPDATE tenant_auth.keys SET expires_at = 'infinity' WHERE id = $1`, [broken.id])
    const outcomes = await Promise.allSettled(keys.map(({ hash }) => find(hash)))
    for (const [i, outcome] of outcomes.entries()) {
      if (keys[i] === broken)
        assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'KEY_STORE_UNAVAILABLE')
      else assert.equal(outcome.status === 'fulfilled' && outcome.value?.id, keys[i]?.id)
    }
  })

  it('are not retried after an error that no row can have caused, such as a missing right', async (t) => {
    await pool.query('CREATE ROLE without_rights LOGIN')
    const connectionString = server.connectionString.replace('postgres@', 'without_rights@')
    const denied = newPool(server, { connectionString, max: 8 })
    t.after(() => denied.end())
    let taken = 0
    denied.on('acquire', () => taken++)
    const deniedStore = new PostgresKeyStore({ pool: denied })
    const signal = new AbortController().signal
    const outcomes = await Promise.allSettled(
      Array.from({ length: 16 }, () => deniedStore.findByHash(sampleHash(), { signal })),
    )
    for (const outcome of outcomes) {
      assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'KEY_STORE_UNAVAILABLE')
    }
    assert.ok(taken <= 2, `${taken} connections`)
  })

  it('are not held up by one that hangs', async () => {
    const key = await addKey(store, await addTenant(store))
    const holder = await pool.connect()
    await holder.query('BEGIN; LOCK TABLE tenant_auth.keys IN ACCESS EXCLUSIVE MODE')
    const abort = new AbortController()
    const hung = find(key.hash, abort.signal).catch((error: unknown) => error)
    await until(async () => {
      const { rowCount } = await pool.query('SELECT FROM pg_locks WHERE NOT granted')
      return rowCount === 1
    })
    const next = find(sampleHash())
    await until(async () => {
      const { rowCount } = await pool.query('SELECT FROM pg_locks WHERE NOT granted')
      return rowCount === 2
    })
    const reason = new Error('given up')
    abort.abort(reason)
    assert.equal(await hung, reason)
    await holder.query('ROLLBACK')
    holder.release()
    assert.equal(await next, null)
  })
})
