/** An instance on a real server that loses its row or its connections. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { KeyManager, tenantAuth } from '../../../src/index.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres, startTcpProxy } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { startInstance } from './instance.ts'
import { Events, NEVER, newPool, settleFleet } from './setup.ts'

describe('an instance', () => {
  let server: PostgresServer
  let pool: Pool
  let keys: KeyManager
  let store: PostgresKeyStore

  before(async () => {
    server = await startPostgres()
    pool = newPool(server)
    store = new PostgresKeyStore({ pool })
    await store.migrate()
    await settleFleet(store)
    keys = new KeyManager(store)
    await keys.createTenant({ id: 'acme', name: 'Acme' })
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('notices that a clone of its machine has taken its row, and confirmations wait for both', async (t) => {
    const own = newPool(server)
    const { app, log, ready, status } = await startInstance(own)
    t.after(() => app.close().then(() => own.end()))
    await ready()
    const { key, details } = await keys.create({ tenantId: 'acme', name: 'a key', environment: 'live' })
    assert.equal(await status(key), 200)

    const { rows } = await pool.query<{ instance: string; session: string }>(
      'SELECT instance, session FROM tenant_auth.instances',
    )
    assert.equal(rows.length, 1)
    const { instance, session } = rows[0] ?? assert.fail()
    // The clone finds its connection broken, reconnects with what it remembers, and serves from then on.
    const clone = await store.coherence.driver.open(new Events(), NEVER)
    t.after(() => clone.destroy())
    const taken = await clone.attach({ instance, label: 'clone', holds: 1_500 }, session, NEVER)
    assert.notEqual(taken, null)

    await until(() => app.tenantAuth.stats().fleet?.gone === 1)
    assert.ok(log.lines.some((line) => JSON.stringify(line).includes('taken')))
    // It stays ready, and comes back with a new row.
    await until(async () => (await pool.query('SELECT FROM tenant_auth.instances')).rowCount === 2)
    await until(() => app.tenantAuth.stats().fleet?.state === 'coherent')
    const { confirmedBy, instances } = await keys.revoke(details.id)
    assert.deepEqual({ confirmedBy, instances }, { confirmedBy: 'lease', instances: 2 })
    assert.equal(await status(key), 401)
  })

  it('stays coherent when all its idle connections were silently dropped', async (t) => {
    const proxy = await startTcpProxy(server)
    const own = newPool(proxy)
    const keyStore = new PostgresKeyStore({ pool: own, lease: 8_000, heartbeat: 100 })
    const app = fastify()
    await app.register(tenantAuth, { keyStore })
    t.after(async () => {
      await app.close()
      await own.end()
      await proxy.stop()
    })
    await app.ready()
    await until(() => app.tenantAuth.isReady())
    await Promise.all(Array.from({ length: 4 }, () => own.query('SELECT pg_sleep(0.2)')))
    assert.ok(own.idleCount >= 4)
    proxy.strand()
    const states = new Set<string | undefined>()
    await until(() => {
      const { fleet } = app.tenantAuth.stats()
      states.add(fleet?.state)
      return fleet?.reconnects === 1 && (fleet.lastHeartbeat ?? Infinity) < 1_000
    })
    assert.deepEqual([...states], ['coherent'])
  })
})
