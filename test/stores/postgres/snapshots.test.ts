/** Reads while a table is being emptied: a TRUNCATE is visible even to older snapshots. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { until } from '../../harness/until.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, join, NEVER, newPool, settleFleet } from './setup.ts'

describe('a read that waits for a TRUNCATE', () => {
  let server: PostgresServer
  let pool: Pool
  let others: Pool
  let store: PostgresKeyStore

  before(async () => {
    server = await startPostgres()
    pool = newPool(server, { max: 2 })
    others = newPool(server)
    store = new PostgresKeyStore({ pool })
    await store.migrate()
    await settleFleet(store)
  })
  after(async () => {
    await Promise.all([pool.end(), others.end()])
    await server.stop()
  })

  /** Begins to read while the table is locked, and empties it before the read goes on. */
  const whileEmptied = async <Answer>(table: string, read: () => Promise<Answer>): Promise<Answer> => {
    const client = await others.connect()
    await client.query(`BEGIN; LOCK TABLE tenant_auth.${table} IN ACCESS EXCLUSIVE MODE`)
    const reading = read()
    const waiting = 'SELECT FROM pg_locks WHERE NOT granted'
    await until(async () => (await others.query(waiting)).rowCount === 1)
    await client.query(`TRUNCATE tenant_auth.${table} CASCADE; COMMIT`)
    client.release()
    return reading
  }

  for (const times of [0, 8]) {
    it(`of instances sees that rows are lost, after ${times} other reads`, async () => {
      const { driver } = store.coherence
      const { link } = await join(store, `a${times}`)
      const before = await driver.readFleet(0, NEVER)
      for (let i = 0; i < times; i++) await driver.readFleet(0, NEVER)
      const { instances, roster } = await whileEmptied('instances', () => driver.readFleet(0, NEVER))
      link.destroy()
      assert.equal(instances, 0)
      assert.notEqual(roster, before.roster)
    })

    it(`of changed keys sees another history, after ${times} other reads`, async () => {
      const { link, position, catchUp } = await join(store, `b${times}`)
      await addKey(store, await addTenant(store))
      for (let i = 0; i < times; i++) await catchUp(position)
      const { changed, position: now } = await whileEmptied('keys', () => catchUp(position))
      link.destroy()
      assert.equal(changed, null)
      assert.notEqual(now.history, position.history)
    })
  }
})
