/** NOTIFY only makes things faster: no change fails because of it. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { KeyManager } from '../../../src/index.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { until } from '../../harness/until.ts'
import { startPostgres } from '../../servers/index.ts'
import { startInstance } from './instance.ts'
import { Events, NEVER, newPool, positionOf, settleFleet } from './setup.ts'

async function fleetOn(t: TestContext, settings: Record<string, number>, sql = 'SELECT 1') {
  const server = await startPostgres(settings)
  t.after(() => server.stop())
  const pools = [newPool(server), newPool(server)] as const
  t.after(() => Promise.all(pools.map((pool) => pool.end())))
  const [pool, others] = pools
  const administration = new PostgresKeyStore({ pool: others })
  await administration.migrate()
  await settleFleet(administration)
  await others.query(sql)
  const { app, keyStore, ready, status } = await startInstance(pool)
  t.after(() => app.close())
  await ready()
  const keys = new KeyManager(keyStore)
  await keys.createTenant({ id: 'acme', name: 'Acme' })
  const newKey = async () => {
    const { key, details } = await keys.create({ tenantId: 'acme', name: 'a key', environment: 'live' })
    assert.equal(await status(key), 200)
    return { key, id: details.id }
  }
  return { keys, others, administration, newKey, status }
}

describe('NOTIFY', () => {
  it('does not prevent a transaction that changed a key from being prepared', async (t) => {
    const { keys, others, newKey, status } = await fleetOn(t, { max_prepared_transactions: 5 })
    const { key, id } = await newKey()
    const client = await others.connect()
    await client.query('BEGIN')
    await client.query('UPDATE tenant_auth.keys SET revoked_at = now() WHERE id = $1', [id])
    await client.query(`PREPARE TRANSACTION 'of another application'`)
    await client.query(`COMMIT PREPARED 'of another application'`)
    client.release()
    assert.equal((await keys.revoke(id)).confirmedBy, 'all')
    assert.equal(await status(key), 401)
  })

  it('is sent after a write whose own transaction must not send it', async (t) => {
    const { keys, administration, newKey } = await fleetOn(t, { max_prepared_transactions: 5 })
    const { id } = await newKey()
    const events = new Events()
    const link = await administration.coherence.driver.open(events, NEVER)
    t.after(() => link.destroy())
    await keys.revoke(id)
    const { epoch } = await positionOf(administration)
    await until(() => events.pushes.includes(epoch))
  })

  it('fails no revocation or suspension when its queue is full', async (t) => {
    // The server calls its built-in functions by number, so they are renamed, not redefined.
    const full = `
      SET allow_system_table_mods = on;
      ALTER FUNCTION pg_catalog.pg_notification_queue_usage() RENAME TO built_in_usage;
      ALTER FUNCTION pg_catalog.pg_notify(text, text) RENAME TO built_in_notify;
      CREATE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS float8 LANGUAGE sql AS 'SELECT 0.99::float8';
      CREATE FUNCTION pg_catalog.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS
        $f$ BEGIN RAISE 'too many notifications in the NOTIFY queue' USING ERRCODE = '54000'; END $f$;
      RESET allow_system_table_mods`
    const { keys, others, newKey, status } = await fleetOn(t, {}, full)
    await assert.rejects(others.query(`SELECT pg_notify('x', '')`), { code: '54000' })
    const { key, id } = await newKey()
    assert.equal((await keys.revoke(id)).confirmedBy, 'all')
    assert.equal(await status(key), 401)
    const suspended = await newKey()
    assert.equal((await keys.updateTenant('acme', { suspended: true })).confirmedBy, 'all')
    assert.equal(await status(suspended.key), 403)
  })
})
