/** The driver's connections and what it reads: pushes, losses, black holes, a trimmed stream. */
import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RedisKeyStore } from '../../../src/stores/redis/index.ts'
import {
  addKey,
  addTenant,
  at,
  sampleKey,
  written,
} from '../../../src/testing/store-contract/sample-records.ts'
import { redisAvailable, type RedisServer, startRedis, startTcpProxy } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { CLIENTS } from './clients.ts'
import { connect, HEARTBEAT, join, LEASE, openAdmin, openStore, soon } from './setup.ts'

const NO_EVENTS = { onPush: () => {}, onLost: () => {} }

describe(
  'the driver of RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    async function openBehindProxy(t: TestContext, library: string) {
      const proxy = await startTcpProxy(server)
      t.after(() => proxy.stop())
      return { proxy, store: await openStore(t, `redis://127.0.0.1:${proxy.port}`, { library }) }
    }

    for (const library of Object.keys(CLIENTS)) {
      describe(`with ${library}`, () => {
        it('pushes the epoch of each write', async (t) => {
          const store = await openStore(t, server.url, { library })
          const pushed: number[] = []
          await connect(t, store, { onPush: (epoch) => pushed.push(epoch) })
          const key = await addKey(store, await addTenant(store))
          const { epoch } = written(await store.revokeKey(key.id, at(1)))
          await until(() => pushed.length >= 2)
          assert.deepEqual(pushed, [epoch - 1, epoch])
        })

        it('keeps an idle push connection', async (t) => {
          const store = await openStore(t, server.url, { library })
          const lost: unknown[] = []
          const link = await connect(t, store, { onLost: (cause) => lost.push(cause) })
          for (let i = 0; i < 4; i++) {
            await link.beat(NOBODY, soon())
            await sleep(HEARTBEAT)
          }
          assert.deepEqual(lost, [])
        })

        it('reports a loss once when the server kills its connections, none after destroy()', async (t) => {
          const store = await openStore(t, server.url, { library })
          const admin = await openAdmin(t, server.url)
          const lost: unknown[] = []
          const destroyed = await connect(t, store, { onLost: () => assert.fail('it had been destroyed') })
          const link = await connect(t, store, { onLost: (cause) => lost.push(cause) })
          destroyed.destroy()
          await admin('CLIENT', 'KILL', 'TYPE', 'normal')
          await admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
          await until(() => lost.length > 0)
          await sleep(50)
          assert.equal(lost.length, 1)
          assert.ok(lost[0] instanceof Error)
          await assert.rejects(link.beat(NOBODY, soon()))
        })

        it('opens one connection for heartbeats and one for pushes, and destroys both', async (t) => {
          const { proxy, store } = await openBehindProxy(t, library)
          const { link } = await join(t, store)
          assert.equal(proxy.connections, 3)
          link.destroy()
          await until(() => proxy.connections === 1)
        })

        it('opens both connections first, so that no heartbeat has to wait for one', async (t) => {
          const { proxy, store } = await openBehindProxy(t, library)
          const link = await connect(t, store)
          const { accepted } = proxy
          await link.beat(NOBODY, soon())
          assert.equal(proxy.accepted, accepted)
        })

        it('beats without waiting for other calls of the process', async (t) => {
          const store = await openStore(t, server.url, { library })
          const { beat } = await join(t, store)
          let answered = 0
          const flood = Array.from({ length: 1_000 }, () =>
            store.findKey('key_unknown').then(() => answered++),
          )
          await beat()
          assert.ok(answered < 1_000, `${answered}`)
          await Promise.all(flood)
        })

        it('gives up connecting to a black hole in time, and leaves no connection open', async (t) => {
          const { proxy, store } = await openBehindProxy(t, library)
          proxy.blackhole()
          await assert.rejects(store.coherence.driver.open(NO_EVENTS, AbortSignal.timeout(100)), {
            name: 'TimeoutError',
          })
          proxy.heal()
          await until(() => proxy.connections === 1)
        })

        it('leaves no connection open when connecting is aborted at once', async (t) => {
          const { proxy, store } = await openBehindProxy(t, library)
          await assert.rejects(store.coherence.driver.open(NO_EVENTS, AbortSignal.abort()))
          await sleep(100)
          await until(() => proxy.connections === 1)
        })

        it('rejects when there is no server', async (t) => {
          const own = await startRedis()
          t.after(() => own.stop())
          const store = await openStore(t, own.url, { library })
          await own.stop()
          await assert.rejects(store.coherence.driver.open(NO_EVENTS, soon()))
        })

        it('gives up a heartbeat into a black hole, and is destroyed without delay', async (t) => {
          const { proxy, store } = await openBehindProxy(t, library)
          const { link, instance, session } = await join(t, store)
          proxy.blackhole()
          await assert.rejects(link.beat({ instance, session }, AbortSignal.timeout(50)), {
            name: 'TimeoutError',
          })
          const sockets = () =>
            process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
          const before = sockets()
          link.destroy()
          await until(() => sockets() < before)
          await assert.rejects(link.beat({ instance, session }, soon()))
        })

        it('is lost when its push connection falls silent, even if heartbeats are answered', async (t) => {
          const { proxy, store } = await openBehindProxy(t, library)
          proxy.filter('up', afterSubscribing)
          const lost: unknown[] = []
          const link = await connect(t, store, { onLost: (cause) => lost.push(cause) })
          for (let i = 0; i < 30 && lost.length === 0; i++) {
            await link.beat(NOBODY, soon()).catch(() => {})
            await sleep(HEARTBEAT)
          }
          assert.match(String(lost[0]), /connection for pushes did not answer/)
        })
      })
    }

    it('is lost when its client closes', async (t) => {
      const { client, close } = await (CLIENTS['ioredis 6'] as (typeof CLIENTS)[string])(server.url)
      const store = new RedisKeyStore({ client })
      const lost: unknown[] = []
      await connect(t, store, { onLost: (cause) => lost.push(cause) })
      close()
      await until(() => lost.length === 1)
      assert.match(String(lost[0]), /client that the store was given has ended/)
    })

    it('reports a gap after the stream was trimmed or deleted', async (t) => {
      const store = await openStore(t, server.url)
      const admin = await openAdmin(t, server.url)
      const { link, beat } = await join(t, store)
      const key = await addKey(store, await addTenant(store))
      const { position } = await beat()
      const changed = async (known = position) => (await link.catchUp(known, soon())).changed
      await store.updateKey(key.id, { name: 'one' })
      await store.updateKey(key.id, { name: 'two' })
      assert.deepEqual(await changed(), [key.hash, key.hash])
      for (const kept of ['1', '0']) {
        await admin('XTRIM', '{tenant-auth}:changes', 'MAXLEN', kept)
        assert.equal(await changed(), null)
      }
      await admin('DEL', '{tenant-auth}:changes')
      assert.equal(await changed(), null)

      const { position: later } = await beat()
      await store.updateKey(key.id, { name: 'three' })
      assert.deepEqual(await changed(later), [key.hash])
      assert.equal(await changed(), null)
    })

    it('names each key of a changed tenant once, or none if there are more than 10,000', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'large' })
      const { link, beat } = await join(t, store)
      const tenantId = await addTenant(store)
      const hashes: string[] = []
      for (let i = 0; i < 90; i++) {
        const keys = await Promise.all(Array.from({ length: 111 }, () => addKey(store, tenantId)))
        hashes.push(...keys.map(({ hash }) => hash))
      }
      const { position } = await beat()
      await store.updateTenant(tenantId, { name: 'Once' })
      await store.updateTenant(tenantId, { name: 'Twice' })
      const { changed } = await link.catchUp(position, soon())
      assert.deepEqual(changed?.toSorted(), hashes.toSorted())

      await Promise.all(Array.from({ length: 11 }, () => addKey(store, tenantId)))
      const later = (await beat()).position
      await store.updateTenant(tenantId, { name: 'Too large' })
      assert.equal((await link.catchUp(later, soon())).changed, null)
    })

    it('keeps slightly more than 10,000 changes and reports a gap beyond them', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'missed' })
      const admin = await openAdmin(t, server.url)
      const { link, beat } = await join(t, store)
      const { position } = await beat()
      const key = await addKey(store, await addTenant(store))
      const update = () => store.updateKey(key.id, { name: 'again' })
      for (let i = 0; i < 11; i++) await Promise.all(Array.from({ length: 1_000 }, update))
      assert.equal((await link.catchUp(position, soon())).changed, null)
      const kept = Number(await admin('XLEN', '{missed}:changes'))
      assert.ok(kept >= 10_000 && kept <= 10_200, `${kept}`)
    })

    it('completes a write even if its push is refused', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const admin = await openAdmin(t, own.url)
      await admin('ACL', 'SETUSER', 'mute', 'on', '>secret', '~*', '+@all', '-publish')
      const store = await openStore(t, own.url.replace('//', '//mute:secret@'))
      const key = await addKey(store, await addTenant(store))
      assert.ok(await store.revokeKey(key.id, at(1)))
    })

    it('announces no new key that nobody can have looked up', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'fresh' })
      const admin = await openAdmin(t, server.url)
      const pushed: number[] = []
      await connect(t, store, { onPush: (epoch) => pushed.push(epoch) })
      const tenantId = await addTenant(store)
      await store.updateTenant(tenantId, { name: 'Still without keys' })
      const key = sampleKey(tenantId)
      for (const insert of [key, sampleKey(tenantId)]) {
        assert.equal(written(await store.insertKey(insert, undefined, true)).epoch, 0)
      }
      const next = sampleKey(tenantId)
      assert.equal(written(await store.insertKey(next, { id: key.id, expiresAt: null }, true)).epoch, 0)
      const rotation = written(
        await store.insertKey(sampleKey(tenantId), { id: next.id, expiresAt: at(1) }, true),
      )
      assert.deepEqual([rotation.epoch, rotation.reach], [1, { holds: 0, instances: 0 }])
      const [[, fields]] = (await admin('XRANGE', '{fresh}:changes', '-', '+')) as [[string, string[]]]
      assert.deepEqual(fields, ['k', next.hash])
      await until(() => pushed.length === 1)
    })

    it('reports with a write how many instances it reaches and how long they may hold it', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'reach' })
      const [{ link, instance, session }] = [await join(t, store, { holds: 700 }), await join(t, store)]
      const key = await addKey(store, await addTenant(store))
      const reach = async () => written(await store.updateKey(key.id, { name: 'again' })).reach
      assert.deepEqual(await reach(), { holds: 700, instances: 2 })
      await link.leave({ instance, session }, soon())
      assert.deepEqual(await reach(), { holds: 700, instances: 1 })
      const { position, roster } = await store.coherence.driver.readFleet(0, soon())
      await store.coherence.driver.settle(position.history, roster, soon())
      assert.deepEqual(await reach(), { holds: LEASE, instances: 1 })
    })
  },
)

const NOBODY = { instance: 'nobody', session: '' }

/** Blocks a connection once it has subscribed. */
function afterSubscribing(): (chunk: Buffer) => Buffer {
  let subscribed = false
  return (chunk) => {
    if (subscribed) return Buffer.alloc(0)
    subscribed = /subscribe/i.test(chunk.toString('latin1'))
    return chunk
  }
}
