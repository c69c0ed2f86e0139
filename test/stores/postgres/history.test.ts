/** Which history an epoch belongs to. What a failover does to it is in standby.test.ts. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { newPool, positionOf } from './setup.ts'

describe('the history of a database', () => {
  let server: PostgresServer
  let pool: Pool
  before(async () => {
    server = await startPostgres()
    pool = newPool(server)
    await new PostgresKeyStore({ pool }).migrate()
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  const tag = async () => (await positionOf(new PostgresKeyStore({ pool }))).history

  it('contains the system identifier, which tells servers restored from one dump apart', async () => {
    const { rows } = await pool.query<{ id: string }>(
      'SELECT system_identifier AS id FROM pg_control_system()',
    )
    assert.ok((await tag()).includes(`.${rows[0]?.id ?? assert.fail()}.`))
  })

  it('omits the system identifier if the role may not read it', async () => {
    const before = await tag()
    await pool.query('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC')
    await pool.query('CREATE ROLE user_of_keys LOGIN')
    await pool.query('GRANT USAGE ON SCHEMA tenant_auth TO user_of_keys')
    await pool.query('GRANT SELECT ON ALL TABLES IN SCHEMA tenant_auth TO user_of_keys')
    const limited = newPool(server, { options: '-c role=user_of_keys' })
    const { rows } = await limited.query<{ history: string }>('SELECT tenant_auth.history()')
    assert.match(rows[0]?.history ?? '', /^\.[0-9A-F]{8}\.\d+$/)
    assert.ok(!before.includes(rows[0]?.history ?? ''))
    await limited.end()
  })
})
