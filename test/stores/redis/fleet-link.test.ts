/** The connections of an instance: pushes, losses, black holes, and what a heartbeat says of a trimmed stream. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addKey, addTenant, at, written } from '../../../src/testing/store-contract/sample-records.ts'
import { redisAvailable, type RedisServer, startRedis, startTcpProxy } from '../../servers/index.ts'
import { CLIENTS } from './clients.ts'
import { connect, HEARTBEAT, join, LEASE, openAdmin, openStore, soon, until } from './setup.ts'

describe(
  'the fleet link of RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

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

        it('keeps a connection that has nothing to push', async (t) => {
          const store = await openStore(t, server.url, { library })
          const lost: unknown[] = []
          const link = await connect(t, store, { onLost: (cause) => lost.push(cause) })
          for (let i = 0; i < 4; i++) {
            await link.beat('nobody', null, soon())
            await sleep(HEARTBEAT)
          }
          assert.deepEqual(lost, [])
        })

        it('says once that it is lost when the server ends its connections, and not when it was destroyed', async (t) => {
          const store = await openStore(t, server.url, { library })
          const admin = await openAdmin(t, server.url)
          const lost: unknown[] = []
          const destroyed = await connect(t, store, { onLost: () => assert.fail('it was destroyed before') })
          const link = await connect(t, store, { onLost: (cause) => lost.push(cause) })
          destroyed.destroy()
          await admin('CLIENT', 'KILL', 'TYPE', 'normal')
          await admin('CLIENT', 'KILL', 'TYPE', 'pubsub')
          await until(() => lost.length > 0)
          await sleep(50)
          assert.equal(lost.length, 1)
          assert.ok(lost[0] instanceof Error)
          await assert.rejects(link.beat('nobody', null, soon()))
        })

        it('opens a connection for pushes beside the one for commands, and destroys it', async (t) => {
          const proxy = await startTcpProxy(server)
          t.after(() => proxy.stop())
          const store = await openStore(t, `redis://127.0.0.1:${proxy.port}`, { library })
          const link = await connect(t, store)
          assert.equal(proxy.connections, 3)
          link.destroy()
          await until(() => proxy.connections === 2)
        })

        it('gives up a connection into a black hole when its time is over, and leaves none open', async (t) => {
          const proxy = await startTcpProxy(server)
          t.after(() => proxy.stop())
          const store = await openStore(t, `redis://127.0.0.1:${proxy.port}`, { library })
          proxy.blackhole()
          const events = { onPush: () => {}, onOwnWrite: () => {}, onLost: () => {} }
          await assert.rejects(store.coherence.connect(events, AbortSignal.timeout(100)), {
            name: 'TimeoutError',
          })
          proxy.heal()
          await until(() => proxy.connections === 1)
        })

        it('leaves no connection open whose making was given up at once', async (t) => {
          const proxy = await startTcpProxy(server)
          t.after(() => proxy.stop())
          const store = await openStore(t, `redis://127.0.0.1:${proxy.port}`, { library })
          const events = { onPush: () => {}, onOwnWrite: () => {}, onLost: () => {} }
          await assert.rejects(store.coherence.connect(events, AbortSignal.abort()))
          await sleep(100)
          await until(() => proxy.connections === 1)
        })

        it('rejects where there is no server', async (t) => {
          const own = await startRedis()
          t.after(() => own.stop())
          const store = await openStore(t, own.url, { library })
          await own.stop()
          await assert.rejects(
            store.coherence.connect({ onPush: () => {}, onOwnWrite: () => {}, onLost: () => {} }, soon()),
          )
        })

        it('gives up a heartbeat into a black hole, and is destroyed without waiting', async (t) => {
          const proxy = await startTcpProxy(server)
          t.after(() => proxy.stop())
          const store = await openStore(t, `redis://127.0.0.1:${proxy.port}`, { library })
          const { link, instance } = await join(t, store)
          proxy.blackhole()
          await assert.rejects(link.beat(instance, null, AbortSignal.timeout(50)), { name: 'TimeoutError' })
          const sockets = () =>
            process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
          const before = sockets()
          link.destroy()
          await until(() => sockets() <= before - 1)
          await assert.rejects(link.beat(instance, null, soon()))
        })

        it('is lost when its connection for pushes falls silent though heartbeats are answered', async (t) => {
          const proxy = await startTcpProxy(server)
          t.after(() => proxy.stop())
          proxy.filter('up', afterSubscribing)
          const store = await openStore(t, `redis://127.0.0.1:${proxy.port}`, { library })
          const lost: unknown[] = []
          const link = await connect(t, store, { onLost: (cause) => lost.push(cause) })
          for (let i = 0; i < 30 && lost.length === 0; i++) {
            await link.beat('nobody', null, soon()).catch(() => {})
            await sleep(HEARTBEAT)
          }
          assert.match(String(lost[0]), /connection for pushes did not answer/)
        })
      })
    }

    it('answers that it cannot say what changed where the stream was trimmed', async (t) => {
      const store = await openStore(t, server.url)
      const admin = await openAdmin(t, server.url)
      const { link, instance } = await join(t, store)
      const key = await addKey(store, await addTenant(store))
      const { position } = await link.beat(instance, null, soon())
      await store.updateKey(key.id, { name: 'one' })
      await store.updateKey(key.id, { name: 'two' })
      assert.deepEqual((await link.beat(instance, position, soon())).changed, [key.hash, key.hash])
      for (const kept of ['1', '0']) {
        await admin('XTRIM', '{tenant-auth}:changes', 'MAXLEN', kept)
        assert.equal((await link.beat(instance, position, soon())).changed, null)
      }
      await admin('DEL', '{tenant-auth}:changes')
      assert.equal((await link.beat(instance, position, soon())).changed, null)

      const { position: later } = await link.beat(instance, position, soon())
      await store.updateKey(key.id, { name: 'three' })
      assert.deepEqual((await link.beat(instance, later, soon())).changed, [key.hash])
    })

    it('keeps about as many changes as it is told to', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'short', history: 200 })
      const admin = await openAdmin(t, server.url)
      const key = await addKey(store, await addTenant(store))
      for (let i = 0; i < 500; i++) await store.updateKey(key.id, { name: `${i}` })
      const kept = Number(await admin('XLEN', '{short}:changes'))
      assert.ok(kept >= 200 && kept <= 400, `${kept}`)
    })

    it('names all keys of a tenant that changed, each once, and of more than 10,000 none', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'large' })
      const { link, instance } = await join(t, store)
      const tenantId = await addTenant(store)
      const hashes: string[] = []
      for (let i = 0; i < 10; i++) {
        hashes.push(
          ...(await Promise.all(Array.from({ length: 999 }, () => addKey(store, tenantId)))).map(hashOf),
        )
      }
      const { position } = await link.beat(instance, null, soon())
      await store.updateTenant(tenantId, { name: 'Once' })
      await store.updateTenant(tenantId, { name: 'Twice' })
      const { changed } = await link.beat(instance, position, soon())
      assert.deepEqual(changed?.toSorted(), hashes.toSorted())

      await Promise.all(Array.from({ length: 11 }, () => addKey(store, tenantId)))
      const later = (await link.beat(instance, null, soon())).position
      await store.updateTenant(tenantId, { name: 'Too large' })
      assert.equal((await link.beat(instance, later, soon())).changed, null)
    })

    it('answers that it cannot say what changed where more than 10,000 writes were missed', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'missed', history: 50_000 })
      const { link, instance } = await join(t, store)
      const { position } = await link.beat(instance, null, soon())
      const key = await addKey(store, await addTenant(store))
      const update = () => store.updateKey(key.id, { name: 'again' })
      for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 1_000 }, update))
      assert.equal((await link.beat(instance, position, soon())).changed, null)
    })

    it('refuses another lease or heartbeat than those of an instance that lives, and names it', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'settings' })
      const { link, instance } = await join(t, store)
      const beating = setInterval(() => void link.beat(instance, null, soon()).catch(() => {}), HEARTBEAT)
      t.after(() => clearInterval(beating))
      for (const settings of [{ lease: LEASE + 1 }, { heartbeat: HEARTBEAT - 1 }]) {
        const other = await openStore(t, server.url, { prefix: 'settings', ...settings })
        await assert.rejects(
          other.coherence.connect({ onPush: () => {}, onOwnWrite: () => {}, onLost: () => {} }, soon()),
          {
            code: 'TENANT_AUTH_FLEET_MISMATCH',
            message: new RegExp(`label of ${instance} has ${LEASE}/${HEARTBEAT}`),
          },
        )
      }
      await connect(t, await openStore(t, server.url, { prefix: 'settings' }))
    })

    it('takes other settings once those that had them are certain to be gone, and not before', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'gone' })
      const { link, instance } = await join(t, store)
      await link.beat(instance, null, soon())
      link.destroy()
      const started = performance.now()
      const other = await openStore(t, server.url, { prefix: 'gone', lease: LEASE * 2 })
      await join(t, other)
      assert.ok(performance.now() - started >= LEASE)
      const admin = await openAdmin(t, server.url)
      assert.equal(await admin('HEXISTS', '{gone}:fleet', `info:${instance}`), 0)
    })

    it('refuses the second of two that join at the same time with different settings', async (t) => {
      const one = await openStore(t, server.url, { prefix: 'race' })
      const other = await openStore(t, server.url, { prefix: 'race', lease: LEASE * 2 })
      const links = [await connect(t, one), await connect(t, other)] as const
      const info = { instance: 'one', label: 'one', holds: LEASE }
      await links[0].register(info, soon())
      await assert.rejects(links[1].register({ ...info, instance: 'other' }, soon()), {
        code: 'TENANT_AUTH_FLEET_MISMATCH',
      })
      await links[0].register(info, soon()) // Again, as after a reconnection.
    })
  },
)

/** Lets nothing through any more on a connection that has subscribed. */
function afterSubscribing(): (chunk: Buffer) => Buffer {
  let subscribed = false
  return (chunk) => {
    if (subscribed) return Buffer.alloc(0)
    subscribed = /subscribe/i.test(chunk.toString('latin1'))
    return chunk
  }
}

function hashOf({ hash }: { hash: string }): string {
  return hash
}
