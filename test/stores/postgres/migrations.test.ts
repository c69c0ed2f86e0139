import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { migrationSql, PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, NEVER, newPool } from './setup.ts'

describe('migrate', () => {
  let server: PostgresServer
  let pool: Pool

  before(async () => {
    server = await startPostgres()
    pool = newPool(server)
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  /** Every object that a migration could have created in a schema. */
  const objects = async (schema: string) => {
    const { rows } = await pool.query<{ name: string }>(
      `SELECT oid::regclass || ' ' || relkind::text AS name FROM pg_class WHERE relnamespace = to_regnamespace($1)
       UNION ALL SELECT oid::regprocedure || '' FROM pg_proc WHERE pronamespace = to_regnamespace($1)
       UNION ALL SELECT tgname || ' ' || tgrelid::regclass FROM pg_trigger
         JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = to_regnamespace($1) AND NOT tgisinternal
       ORDER BY 1`,
      [`"${schema}"`],
    )
    return rows.map(({ name }) => name)
  }

  it('works from four instances at once on an empty schema, ten times in a row', async () => {
    for (let round = 0; round < 10; round++) {
      const schema = `together_${round}`
      const pools = Array.from({ length: 4 }, () => newPool(server, { max: 2 }))
      const stores = pools.map((pool) => new PostgresKeyStore({ pool, schema }))
      await Promise.all(stores.map((store) => store.migrate()))
      await Promise.all(
        stores.map(async (store) => {
          const { hash, id } = await addKey(store, await addTenant(store))
          assert.equal((await store.findByHash(hash, { signal: NEVER }))?.id, id)
        }),
      )
      await Promise.all(pools.map((pool) => pool.end()))
    }
  })

  it('changes nothing when it runs again', async () => {
    const store = new PostgresKeyStore({ pool, schema: 'again' })
    await store.migrate()
    const key = await addKey(store, await addTenant(store))
    const before = await objects('again')
    assert.ok(before.length > 10)
    await store.migrate()
    assert.deepEqual(await objects('again'), before)
    assert.equal((await store.findKey(key.id))?.id, key.id)
    const { rows } = await pool.query('SELECT version FROM again.tenant_auth_migrations')
    assert.deepEqual(rows, [{ version: 1 }, { version: 2 }])
  })

  it('does the same as its plain SQL', async () => {
    await pool.query(migrationSql('plain'))
    await new PostgresKeyStore({ pool, schema: 'method' }).migrate()
    const rename = (names: string[]) => names.map((name) => name.replaceAll('method', 'plain')).sort()
    assert.deepEqual(rename(await objects('plain')), rename(await objects('method')))
    assert.ok(migrationSql().includes('CREATE TABLE "tenant_auth".keys'))
  })

  it('leaves other tables in the schema alone', async () => {
    await pool.query('CREATE SCHEMA shared')
    await pool.query('CREATE TABLE shared.migrations (id int)')
    await pool.query('CREATE TABLE shared.users (id int)')
    await new PostgresKeyStore({ pool, schema: 'shared' }).migrate()
    const { rows } = await pool.query(`SELECT attname FROM pg_attribute
      WHERE attrelid IN ('shared.migrations'::regclass, 'shared.users'::regclass) AND attnum > 0`)
    assert.deepEqual(rows, [{ attname: 'id' }, { attname: 'id' }])
  })

  it('fails when a name is taken, and leaves nothing behind', async () => {
    await pool.query('CREATE SCHEMA taken')
    await pool.query('CREATE TABLE taken.keys (id int)')
    const before = await objects('taken')
    await assert.rejects(new PostgresKeyStore({ pool, schema: 'taken' }).migrate(), (error: Error) =>
      /relation "keys" already exists/.test(String(error.cause)),
    )
    assert.deepEqual(await objects('taken'), before)
  })

  it('needs no right to create schemas if the schema exists', async () => {
    await pool.query('CREATE SCHEMA given')
    await pool.query('CREATE ROLE limited LOGIN')
    await pool.query('GRANT CREATE, USAGE ON SCHEMA given TO limited')
    const limited = newPool(server, { user: 'limited', connectionString: undefined, ...at(server) })
    const store = new PostgresKeyStore({ pool: limited, schema: 'given' })
    await store.migrate()
    await addKey(store, await addTenant(store))
    await limited.end()
  })

  it('quotes the schema name', async () => {
    for (const schema of ['User', 'select', 'with-dash', '_', 'x'.repeat(63)]) {
      const store = new PostgresKeyStore({ pool, schema })
      await store.migrate()
      await addKey(store, await addTenant(store))
    }
  })
})

function at({ host, port }: PostgresServer) {
  return { host, port, database: 'postgres' }
}
