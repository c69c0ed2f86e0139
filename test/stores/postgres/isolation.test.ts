/** Under a stricter default isolation, a statement that waited for a transaction does not see its changes. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, newPool } from './setup.ts'

describe('under a default isolation of', () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  for (const isolation of ['repeatable read', 'serializable']) {
    it(`${isolation}, four instances migrate at once`, async () => {
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`
      const pools = Array.from({ length: 4 }, () => newPool(server, { options }))
      for (const pool of pools) await pool.query('SELECT 1')
      const schema = isolation.replace(' ', '_')
      const stores = pools.map((pool) => new PostgresKeyStore({ pool, schema }))
      await Promise.all(stores.map((store) => store.migrate()))
      const keys = stores.map(async (store) => addKey(store, await addTenant(store)))
      assert.equal((await Promise.all(keys)).length, 4)
      await Promise.all(pools.map((pool) => pool.end()))
    })
  }
})
