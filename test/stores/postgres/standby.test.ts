import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import type { Position } from '../../../src/stores/coherent-key-store.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { statementsFor } from '../../../src/stores/postgres/statements.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, Events, NEVER, newPool } from './setup.ts'

describe('a server that is a standby', () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresKeyStore
  let hash: string
  let epoch: number
  let known: Position

  const position = async () => {
    const link = await store.coherence.connect(new Events(), NEVER)
    const { position } = await link.beat('nobody', null, NEVER)
    link.destroy()
    return position
  }

  before(async () => {
    server = await startPostgres()
    pool = newPool(server)
    store = new PostgresKeyStore({ pool })
    await store.migrate()
    ;({ hash, epoch } = await addKey(store, await addTenant(store)))
    known = await position()
    await server.stop()
    writeFileSync(join(server.folder, 'data', 'standby.signal'), '')
    await server.start()
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('fills no cache: what it knows may be older than a revocation', async () => {
    await assert.rejects(store.findByHash(hash, { signal: NEVER }), {
      code: 'KEY_STORE_UNAVAILABLE',
      message: /^The pool leads to a standby/,
    })
  })

  it('gives no heartbeat', async () => {
    await assert.rejects(store.coherence.connect(new Events(), NEVER), { code: 'KEY_STORE_UNAVAILABLE' })
    const { beat } = statementsFor('tenant_auth')
    await assert.rejects(pool.query(beat, ['a', null, null]), /read-only transaction/)
  })

  it('has another history once it is promoted, so that every cache starts over', async () => {
    await pool.query('SELECT pg_promote()')
    assert.notEqual((await store.findByHash(hash, { signal: NEVER }))?.id, undefined)
    const after = await position()
    assert.equal(after.epoch, known.epoch)
    assert.notEqual(after.tag, known.tag)
    // A write before the promotion may not have come over.
    await assert.rejects(store.coherence.confirm(epoch), { message: /may have lost the write/ })
    const again = await addKey(store, await addTenant(store))
    assert.equal((await store.coherence.confirm(again.epoch)).confirmedBy, 'all')
  })
})
