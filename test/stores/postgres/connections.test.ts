/** What happens to connections when the network breaks and when callers give up. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { Pool, PoolClient } from 'pg'
import type { FleetLink } from '../../../src/coherence/driver.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres, startTcpProxy, type TcpProxy } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { addKey, addTenant, Events, join, NEVER, newPool, positionOf, sampleHash } from './setup.ts'

describe('connections of the PostgreSQL store', () => {
  let server: PostgresServer
  let direct: Pool
  let proxy: TcpProxy
  let pool: Pool
  let store: PostgresKeyStore
  let key: { id: string; hash: string }

  before(async () => {
    server = await startPostgres()
    direct = newPool(server)
    const setup = new PostgresKeyStore({ pool: direct })
    await setup.migrate()
    key = await addKey(setup, await addTenant(setup))
  })
  beforeEach(async () => {
    proxy = await startTcpProxy(server)
    pool = newPool(proxy, { max: 3, idleTimeoutMillis: 0 })
    store = new PostgresKeyStore({ pool })
  })
  afterEach(async () => {
    await proxy.stop()
    await pool.end()
  })
  after(async () => {
    await direct.end()
    await server.stop()
  })

  const lookUp = (signal: AbortSignal) => store.findByHash(key.hash, { signal })
  const members = async () => (await direct.query('SELECT FROM tenant_auth.instances')).rows.length

  it('are destroyed when their look-up is given up, which frees their place in the pool', async () => {
    assert.equal((await lookUp(NEVER))?.id, key.id)
    proxy.blackhole()
    const reason = new Error('time is over')
    const abort = new AbortController()
    const lookup = lookUp(abort.signal)
    await until(() => pool.idleCount === 0)
    abort.abort(reason)
    await assert.rejects(lookup, (error) => error === reason)
    await until(() => pool.totalCount === 0 && proxy.connections <= 1)
    proxy.heal()
    assert.equal((await lookUp(NEVER))?.id, key.id)
  })

  it('that open too late for a look-up return to the pool', async () => {
    proxy.blackhole()
    const abort = new AbortController()
    const lookup = lookUp(abort.signal)
    await until(() => pool.totalCount === 1)
    abort.abort(new Error('time is over'))
    await assert.rejects(lookup)
    proxy.heal()
    await until(() => pool.idleCount === 1)
    assert.equal(pool.totalCount, 1)
  })

  it('are not requested for an aborted look-up', async () => {
    await assert.rejects(lookUp(AbortSignal.abort()))
    assert.equal(pool.totalCount, 0)
  })

  it('that cannot be opened fail a look-up and leave nothing in the pool', async () => {
    await proxy.stop()
    await assert.rejects(lookUp(NEVER), { code: 'KEY_STORE_UNAVAILABLE' })
    assert.equal(pool.totalCount, 0)
    proxy = await startTcpProxy(server)
  })

  it('that are reset during a statement fail only that statement', async () => {
    await lookUp(NEVER)
    proxy.blackhole()
    const lookup = lookUp(NEVER)
    await until(() => pool.idleCount === 0)
    proxy.reset()
    await assert.rejects(lookup, { code: 'KEY_STORE_UNAVAILABLE' })
    proxy.heal()
    assert.equal((await lookUp(NEVER))?.id, key.id)
  })

  it('are kept after an error in a statement', async () => {
    const elsewhere = new PostgresKeyStore({ pool, schema: 'elsewhere' })
    await assert.rejects(elsewhere.findByHash(key.hash, { signal: NEVER }), {
      code: 'KEY_STORE_UNAVAILABLE',
      message: /^Schema elsewhere does not have the tables of this version: call migrate\(\)/,
    })
    assert.equal(pool.idleCount, 1)
  })

  it('have a time limit for writes, too', async () => {
    const hasty = new PostgresKeyStore({ pool, timeout: 100 })
    await lookUp(NEVER)
    proxy.blackhole()
    await assert.rejects(hasty.revokeKey('key_nobody', new Date()), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'KEY_STORE_UNAVAILABLE')
      assert.equal((error.cause as Error).name, 'TimeoutError')
      return true
    })
    await until(() => pool.totalCount === 0)
  })

  describe('of a link', () => {
    let link: FleetLink
    let events: Events
    let beat: (signal?: AbortSignal) => Promise<unknown>
    let leave: () => Promise<void>

    beforeEach(async () => {
      const joined = await join(store, sampleHash())
      ;({ link, events, beat } = joined)
      leave = () => link.leave(joined.membership, NEVER)
    })
    afterEach(async () => {
      link.destroy()
      await direct.query('DELETE FROM tenant_auth.instances')
    })

    it('receive pushes of changes made elsewhere, but none of another schema', async () => {
      const other = new PostgresKeyStore({ pool: direct, schema: 'Other-one' })
      await other.migrate()
      await addTenant(other)
      await direct.query(`SELECT pg_notify('fastify_tenant_auth', 'nonsense')`)
      await direct.query(`SELECT pg_notify('fastify_tenant_auth', '')`)
      await direct.query(`SELECT pg_notify('fastify_tenant_auth', 'NaN tenant_auth')`)
      await direct.query(`UPDATE tenant_auth.keys SET name = 'pushed'`)
      await until(() => events.pushes.length > 0)
      assert.deepEqual(events.pushes, [(await positionOf(store)).epoch])
    })

    it('are reported lost, once, when the backend is killed', async () => {
      await direct.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%tenant_auth"%'`,
      )
      await until(() => events.lost.length > 0)
      await assert.rejects(beat(), { code: 'KEY_STORE_UNAVAILABLE' })
      await until(() => pool.totalCount === 0)
      assert.equal(events.lost.length, 1)
    })

    it('are reported lost when the server closes them silently', async () => {
      await proxy.stop()
      await until(() => events.lost.length > 0)
      assert.equal(events.lost.length, 1)
      proxy = await startTcpProxy(server)
    })

    it('are destroyed, but not reported lost, when a beat is given up', async () => {
      proxy.blackhole()
      const reason = new Error('time is over')
      const abort = new AbortController()
      const beating = beat(abort.signal)
      abort.abort(reason)
      await assert.rejects(beating, reason)
      await until(() => pool.totalCount === 0)
      await assert.rejects(beat(), { code: 'KEY_STORE_UNAVAILABLE' })
      assert.deepEqual(events.lost, [])
    })

    it('are destroyed at once, even if nothing answers and even twice', async () => {
      const clients: PoolClient[] = []
      pool.on('connect', (client) => clients.push(client))
      const { link, events } = await join(store, sampleHash())
      const stream = clients[0]?.connection.stream
      proxy.blackhole()
      assert.equal(stream?.destroyed, false)
      link.destroy()
      link.destroy()
      assert.equal(stream?.destroyed, true)
      await until(() => pool.totalCount === 1)
      assert.deepEqual(events.lost, [])
    })

    it('deliver no pushes once destroyed', async () => {
      link.destroy()
      await store.revokeKey(key.id, new Date())
      assert.deepEqual(events.pushes, [])
    })

    it('have no row once the instance has left', async () => {
      assert.equal(await members(), 1)
      await leave()
      assert.equal(await members(), 0)
    })
  })

  it('of a link that cannot listen are released', async () => {
    let queries = 0
    const mute: Pool = Object.create(pool, {
      connect: {
        value: (callback: (error?: Error, client?: PoolClient) => void) =>
          pool.connect((error, client) => {
            if (client) {
              client.query = async () => {
                queries++
                throw new Error('no')
              }
            }
            callback(error, client)
          }),
      },
    }) as Pool
    const connecting = new PostgresKeyStore({ pool: mute }).coherence.driver.open(new Events(), NEVER)
    await assert.rejects(connecting, { code: 'KEY_STORE_UNAVAILABLE' })
    assert.ok(queries >= 1)
    await until(() => pool.totalCount === 0)
  })

  it('that the server accepts and closes in one packet do not crash the process', async () => {
    const message = (type: string, body: string) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(4 + body.length)
      return Buffer.concat([Buffer.from(type), length, Buffer.from(body)])
    }
    const farewell = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')
    const breath = Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I'), farewell])
    const goingAway = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(breath))
    }).listen(0, '127.0.0.1')
    await once(goingAway, 'listening')
    const { port } = goingAway.address() as AddressInfo
    const pool = newPool({ port })
    const store = new PostgresKeyStore({ pool })
    // An unhandled error event would end the process, which fails this test.
    await assert.rejects(store.findByHash(key.hash, { signal: NEVER }), { code: 'KEY_STORE_UNAVAILABLE' })
    await assert.rejects(store.coherence.driver.open(new Events(), NEVER), { code: 'KEY_STORE_UNAVAILABLE' })
    await until(() => pool.totalCount === 0)
    goingAway.close()
  })

  it('that fail a confirmation make it wait out the lease known from the write', async () => {
    const brief = new PostgresKeyStore({ pool, lease: 300, heartbeat: 100 })
    await direct.query('DELETE FROM tenant_auth.instances')
    const { link } = await join(brief, 'b', { holds: 2_000 })
    const { mark } = await addKey(brief, await addTenant(brief))
    proxy.blackhole()
    const { confirmedBy, instances, waitedMs } = await brief.coherence.confirm(mark)
    assert.deepEqual([confirmedBy, instances], ['lease', 1])
    assert.ok(waitedMs >= 2_000, `${waitedMs}`)
    link.destroy()
  })

  it('that fail a confirmation make it throw if nothing is known of the write', async () => {
    const brief = new PostgresKeyStore({ pool, lease: 300, heartbeat: 100 })
    await proxy.stop()
    await assert.rejects(brief.coherence.confirm({ epoch: 1 }), { code: 'KEY_STORE_UNAVAILABLE' })
    proxy = await startTcpProxy(server)
  })

  it('never show a hash in an error', async () => {
    const pool = newPool(server)
    const store = new PostgresKeyStore({ pool })
    const hash = sampleHash().slice(0, 60)
    const tenantId = await addTenant(store)
    const bad = { id: 'bad', tenantId, hash, name: 'bad', environment: '', scopes: [], metadata: {} }
    const insert = store.insertKey({
      ...bad,
      start: '',
      last4: '',
      createdAt: new Date(),
      createdBy: null,
      expiresAt: null,
    })
    await assert.rejects(insert, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'KEY_INVALID')
      const { cause } = error
      assert.ok(cause instanceof Error)
      assert.ok(!inspect(cause, { showHidden: true }).includes(hash.slice(0, 20)))
      return true
    })
    await pool.end()
  })
})
