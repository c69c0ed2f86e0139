import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import type { Position, WriteMark } from '../../../src/coherence/driver.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, Events, NEVER, newPool, positionOf, settleFleet } from './setup.ts'

describe('a standby', () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresKeyStore
  let hash: string
  let mark: WriteMark
  let known: Position

  before(async () => {
    server = await startPostgres()
    pool = newPool(server)
    store = new PostgresKeyStore({ pool })
    await store.migrate()
    ;({ hash, mark } = await addKey(store, await addTenant(store)))
    known = await positionOf(store)
    await server.stop()
    writeFileSync(join(server.folder, 'data', 'standby.signal'), '')
    await server.start()
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('answers no look-up, as its data may predate a revocation', async () => {
    await assert.rejects(store.findByHash(hash, { signal: NEVER }), {
      code: 'KEY_STORE_UNAVAILABLE',
      message: /a connection leads to a standby/,
    })
  })

  it('lets no instance connect', async () => {
    const opening = store.coherence.driver.open(new Events(), NEVER)
    await assert.rejects(opening, { code: 'KEY_STORE_UNAVAILABLE', effect: 'none' })
  })

  it('has a new history once it is promoted, so that every cache starts over', async () => {
    await pool.query('SELECT pg_promote()')
    assert.notEqual((await store.findByHash(hash, { signal: NEVER }))?.id, undefined)
    const after = await positionOf(store)
    assert.equal(after.epoch, known.epoch)
    assert.notEqual(after.history, known.history)
    // A write before the promotion may not have been replicated.
    await assert.rejects(store.coherence.confirm(mark), { message: /may have lost it/ })
    const again = await addKey(store, await addTenant(store))
    // Rows may have been lost as well.
    assert.equal((await store.coherence.confirm(again.mark)).confirmedBy, 'lease')
    await settleFleet(store)
    assert.equal((await store.coherence.confirm(again.mark)).confirmedBy, 'all')
  })
})
