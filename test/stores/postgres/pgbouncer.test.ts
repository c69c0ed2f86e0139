/** PgBouncer in transaction mode: no push, and all else as ever. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import {
  pgbouncerAvailable,
  type PostgresServer,
  startPgBouncer,
  startPostgres,
} from '../../servers/index.ts'
import { coherenceContract, keyStoreContract } from '../contract.ts'
import { addKey, addTenant, Events, NEVER, newPool } from './setup.ts'

describe('through PgBouncer in transaction mode', { skip: !pgbouncerAvailable() }, () => {
  let server: PostgresServer
  let bouncer: PostgresServer
  let pool: Pool
  let direct: Pool

  before(async () => {
    server = await startPostgres()
    bouncer = await startPgBouncer(server)
    pool = newPool(bouncer)
    direct = newPool(server)
    await new PostgresKeyStore({ pool }).migrate()
  })
  after(async () => {
    await Promise.all([pool.end(), direct.end()])
    await bouncer.stop()
    await server.stop()
  })

  const open = async () => ({ store: new PostgresKeyStore({ pool }), close: () => {} })
  keyStoreContract('PostgresKeyStore through PgBouncer', { open })
  coherenceContract('PostgresKeyStore through PgBouncer', { kind: 'fleet', open })

  it('no push comes, and the next beat brings the change', async () => {
    const store = new PostgresKeyStore({ pool })
    const { id, hash } = await addKey(store, await addTenant(store))
    const events = new Events()
    const link = await store.coherence.connect(events, NEVER)
    await link.register({ instance: 'a', label: 'a', holds: 2_000 }, NEVER)
    const { position } = await link.beat('a', null, NEVER)
    await direct.query('UPDATE tenant_auth.keys SET revoked_at = now() WHERE id = $1', [id])
    await sleep(200)
    assert.deepEqual(events.pushes, [])
    assert.deepEqual((await link.beat('a', position, NEVER)).changed, [hash])
    link.destroy()
  })
})
