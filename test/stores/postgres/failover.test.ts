/**
 * A failover behind one host name, to a standby that lags: some connections of the pool lead to the demoted
 * server, and the new primary does not know the instances that registered last.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { KeyManager } from '../../../src/keys/index.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres, startTcpProxy, type TcpProxy } from '../../servers/index.ts'
import { LEASE, startInstance } from './instance.ts'
import { newPool, settleFleet } from './setup.ts'

type Instance = Awaited<ReturnType<typeof startInstance>>

describe('a failover', () => {
  let old: PostgresServer
  let successor: PostgresServer
  /** The host name, for one instance and for administration; and the other instance's route, which is cut. */
  let name: TcpProxy
  let cutOff: TcpProxy
  let pool: Pool
  let cutOffPool: Pool
  let instance: Instance
  let lost: Instance
  /** Cached by both instances, and revoked after the failover. */
  let key: { key: string; id: string }
  const cold: string[] = []

  before(async () => {
    old = await startPostgres()
    const first = newPool(old)
    const store = new PostgresKeyStore({ pool: first, lease: LEASE })
    await store.migrate()
    const keys = new KeyManager(store)
    await keys.createTenant({ id: 'acme', name: 'Acme' })
    const create = async () => {
      const { key, details } = await keys.create({ tenantId: 'acme', name: 'k', environment: 'live' })
      return { key, id: details.id }
    }
    key = await create()
    while (cold.length < 60) cold.push((await create()).key)
    await settleFleet(store)
    await first.end()

    // The standby has the keys, but no instance that registers from here on.
    await old.stop()
    successor = await startPostgres({}, old)
    await successor.stop()
    await old.start()
    name = await startTcpProxy(old)
    cutOff = await startTcpProxy(old)
    pool = newPool(name, { max: 8 })
    cutOffPool = newPool(cutOff, { max: 4 })
    instance = await startInstance(pool)
    lost = await startInstance(cutOffPool)
    for (const { status } of [instance, lost]) assert.equal(await status(key.key), 200)
  })
  after(async () => {
    await Promise.all([instance.app.close(), lost.app.close()])
    await name.stop()
    await cutOff.stop()
    await Promise.all([pool.end(), cutOffPool.end()])
    await Promise.all([old.stop(), successor.stop()])
  })

  /** Fills the pool with connections to a server, as if opened when the name still led there. */
  const leave = async (from: Pool, to: { host: string; port: number }, count: number) => {
    name.leadTo(to)
    const taken = (count: number) => Promise.all(Array.from({ length: count }, () => from.connect()))
    for (const client of await taken(from.idleCount)) client.release(true)
    for (const client of await taken(count)) client.release()
    name.leadTo(successor)
  }

  it('holds a revocation until an instance whose row it lost has stopped serving', async () => {
    cutOff.blackhole()
    await old.stop()
    for (const server of [old, successor]) {
      writeFileSync(join(server.folder, 'data', 'standby.signal'), '')
      await server.start()
    }
    const admin = newPool(successor, { max: 2 })
    await admin.query('SELECT pg_promote()')
    name.leadTo(successor)
    const keys = new KeyManager(new PostgresKeyStore({ pool: admin, lease: LEASE }))
    const { confirmedBy } = await keys.revoke(key.id)
    assert.equal(confirmedBy, 'lease')
    assert.notEqual(await lost.status(key.key), 200)
    assert.notEqual(await instance.status(key.key), 200)
    await admin.end()
  })

  it('fails no request, even if connections of the pool lead to the demoted server', async () => {
    await instance.ready()
    const answers: number[] = []
    for (const bad of [1, 4, 6]) {
      await leave(pool, old, bad)
      for (let i = 0; i < 10; i++) answers.push(await instance.status(cold.pop() ?? assert.fail()))
      await leave(pool, old, bad)
      const burst = Array.from({ length: 10 }, () => instance.status(cold.pop() ?? assert.fail()))
      answers.push(...(await Promise.all(burst)))
    }
    assert.deepEqual(
      answers,
      Array.from({ length: 60 }, () => 200),
    )
    assert.ok(
      instance.log.lines.some((line) => /leads to a standby/.test(JSON.stringify(line))),

      'and the log says why',
    )
    await instance.ready()
  })

  it('fails no call of a KeyManager, with or without a heartbeat', async () => {
    const own = newPool(name, { max: 4 })
    const alone = new KeyManager(new PostgresKeyStore({ pool: own, lease: LEASE }))
    const beside = new KeyManager(instance.keyStore)
    for (const [keys, from] of [
      [alone, own],
      [beside, pool],
    ] as const) {
      await leave(from, old, 3)
      const { key, details } = await keys.create({ tenantId: 'acme', name: 'k', environment: 'live' })
      assert.equal(await instance.status(key), 200)
      await leave(from, old, 3)
      const { revokedAt } = (await keys.revoke(details.id)).details
      assert.ok(revokedAt)
      assert.equal(await instance.status(key), 401)
    }
    await own.end()

    // If no connection leads to the successor, the error says that nothing was done.
    name.leadTo(old)
    const stranded = newPool(name, { max: 4 })
    const keys = new KeyManager(new PostgresKeyStore({ pool: stranded, lease: LEASE }))
    await assert.rejects(keys.revoke(key.id), (error: Error & { effect?: string }) => {
      assert.match(error.message, /^Nothing was done: every connection of the pool is like this/)
      return error.effect === 'none'
    })
    name.leadTo(successor)
    await stranded.end()
  })
})
