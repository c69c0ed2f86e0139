/** PgBouncer in transaction mode: without pushes, changes arrive a heartbeat late, and the log says so. */
import { after, before, describe, test } from 'node:test'
import type { Pool } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { Fleet } from '../../faults/fleet.ts'
import { startPostgresTarget } from '../../faults/postgres-target.ts'
import { silentPushes } from '../../faults/silent-pushes.ts'
import {
  pgbouncerAvailable,
  type PostgresServer,
  startPgBouncer,
  startPostgres,
} from '../../servers/index.ts'
import { coherenceContract, keyStoreContract } from '../contract.ts'
import { newPool } from './setup.ts'

const skip = !pgbouncerAvailable() && 'pgbouncer is not installed'

describe('through PgBouncer in transaction mode', { skip }, () => {
  let server: PostgresServer
  let bouncer: PostgresServer
  let pool: Pool

  before(async () => {
    server = await startPostgres()
    bouncer = await startPgBouncer(server)
    pool = newPool(bouncer)
    await new PostgresKeyStore({ pool }).migrate()
  })
  after(async () => {
    await pool.end()
    await bouncer.stop()
    await server.stop()
  })

  const open = async () => ({ store: new PostgresKeyStore({ pool }), close: () => {} })
  keyStoreContract('PostgresKeyStore through PgBouncer', { open })
  coherenceContract('PostgresKeyStore through PgBouncer', { kind: 'fleet', open })
})

test(
  'a fleet behind PgBouncer in transaction mode sees every change within a heartbeat',
  { skip },
  async (t) => {
    const settings = { lease: 16_000, heartbeat: 500 }
    const target = await startPostgresTarget(settings, { pooled: true })
    const fleet = await Fleet.start(target, { size: 3 })
    t.after(() => fleet.stop())
    // Nothing is filtered here: it is PgBouncer that lets no push through.
    const { worst } = await silentPushes(fleet)
    t.diagnostic(`seen after ${Math.round(worst.seen)} ms, confirmed after ${Math.round(worst.confirmed)} ms`)
  },
)
