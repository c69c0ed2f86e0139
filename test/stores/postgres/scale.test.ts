import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { statementsFor } from '../../../src/stores/postgres/statements.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, join, NEVER, newPool } from './setup.ts'

const KEYS = 1_000_000

interface Plan {
  'Node Type': string
  'Index Name'?: string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Plan[]
}

describe(`with ${KEYS} keys`, () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresKeyStore

  before(async () => {
    server = await startPostgres({ maintenance_work_mem: '256MB', max_wal_size: '4GB', autovacuum: 'off' })
    pool = newPool(server, { options: '-c search_path=tenant_auth' })
    store = new PostgresKeyStore({ pool })
    await store.migrate()
    // As a restored dump arrives: rows first, then triggers and indexes.
    await pool.query('ALTER TABLE keys DISABLE TRIGGER ALL')
    await pool.query('ALTER TABLE tenants DISABLE TRIGGER ALL')
    await pool.query('DROP INDEX keys_of_tenant, keys_epoch')
    await pool.query(
      `INSERT INTO tenants (id, name, epoch) SELECT 't' || n, 't', 1 FROM generate_series(0, 999) n`,
    )
    await pool.query(
      `INSERT INTO keys (id, tenant_id, hash, name, epoch)
       SELECT 'key_' || n, 't' || n % 1000, sha256(('key' || n)::bytea), 'k', n FROM generate_series(1, $1::integer) n`,
      [KEYS],
    )
    await pool.query('CREATE INDEX keys_of_tenant ON keys (tenant_id, created_at, id)')
    await pool.query('CREATE INDEX keys_epoch ON keys (epoch)')
    await pool.query('ALTER TABLE keys ENABLE TRIGGER ALL')
    await pool.query('ALTER TABLE tenants ENABLE TRIGGER ALL')
    await pool.query(`UPDATE coherence SET epoch = ${KEYS}`)
    await pool.query('SELECT reset_caches()') // An UPDATE by hand begins no lasting history.
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  /** What a statement reads, according to `EXPLAIN ANALYZE`: `index or scan: rows`. */
  const touches = async (text: string, values: unknown[]) => {
    const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values,
    )
    const list = (plan: Plan): string[] => [
      ...(plan['Index Name'] === undefined && plan['Relation Name'] === undefined
        ? []
        : [`${plan['Index Name'] ?? plan['Node Type']}: ${plan['Actual Rows'] * plan['Actual Loops']}`]),
      ...(plan.Plans ?? []).flatMap(list),
    ]
    return list(rows[0]?.['QUERY PLAN'][0].Plan ?? assert.fail('a plan')).sort()
  }

  /** How many rows of keys and tenants a statement reads in each run. The last runs have a generic plan. */
  const rowsRead = async (text: string, values: unknown[]) => {
    const client = await pool.connect()
    const all = async () => {
      const { rows } = await client.query<{ read: number }>(
        `SELECT sum(seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_xact_user_tables
         WHERE schemaname = 'tenant_auth' AND relname IN ('keys', 'tenants')`,
      )
      return rows[0]?.read ?? NaN
    }
    await client.query('BEGIN')
    const read: number[] = []
    while (read.length < 8) {
      const before = await all()
      await client.query(text, values)
      read.push((await all()) - before)
    }
    await client.query('ROLLBACK')
    client.release()
    return read
  }

  for (const state of ['without statistics', 'with statistics']) {
    it(`a look-up probes each index once per key, ${state}`, async () => {
      if (state === 'with statistics') await pool.query('ANALYZE')
      const hashes = ['key1', 'key4711', 'nobody'].map((key) =>
        createHash('sha256').update(key).digest('hex'),
      )
      const { findByHashes } = statementsFor('tenant_auth')
      // On the first run, the planner itself reads both ends of an index.
      const [, ...planned] = await rowsRead(findByHashes, [hashes.join()])
      assert.deepEqual(planned, Array(7).fill(4))
      assert.equal((await store.findByHash(hashes[1] ?? '', { signal: NEVER }))?.id, 'key_4711')
    })

    it(`catching up reads only what changed, ${state}`, async () => {
      const { link, position } = await join(store, state)
      await addKey(store, 't1')
      await addKey(store, 't2')
      const { catchUp } = statementsFor('tenant_auth')
      for (const read of await rowsRead(catchUp, [position.epoch, position.history])) {
        assert.ok(read >= 2 && read < 10, `${read}`)
      }
      link.destroy()
    })

    it(`a page of a tenant's keys is read from its index, ${state}`, async () => {
      const { listKeys } = statementsFor('tenant_auth')
      const read = await touches(listKeys, ['t7', 50, '2999-01-01T00:00:00Z', 'x', ...Array(5).fill(null)])
      assert.deepEqual(
        read.filter((line) => line.startsWith('keys')),
        ['keys_of_tenant: 50'],
      )
    })
  }
})
