/** What is confirmed when Redis has lost data: never that nobody serves a key, while an instance without a row may. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HistoryWatch } from '../../../src/stores/redis/history.ts'
import {
  addKey,
  addTenant,
  at,
  lookUp,
  sampleKey,
  sampleTenant,
  written,
} from '../../../src/testing/store-contract/sample-records.ts'
import { redisAvailable, type RedisServer, startRedis } from '../../servers/index.ts'
import { HEARTBEAT, join, LEASE, openAdmin, openStore, soon, until } from './setup.ts'

const LOST = { code: 'KEY_STORE_UNAVAILABLE', message: /has lost data, was restarted, or another server/ }

describe(
  'the history of RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    /** A prefix of its own has a history of its own; this one has begun so long ago that it is settled. */
    async function openSettled(t: TestContext, url = server.url) {
      const prefix = randomUUID()
      const store = await openStore(t, url, { prefix })
      await store.coherence.confirm(0)
      assert.equal((await store.coherence.confirm(0)).confirmedBy, 'all')
      return { store, prefix, admin: await openAdmin(t, url) }
    }

    it('has another tag after its data were lost, and begins at 0', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const { link, instance } = await join(t, store)
      const key = await addKey(store, await addTenant(store))
      const { position } = await link.beat(instance, null, soon())
      assert.equal(position.epoch, 1)
      await forget(admin, prefix)
      assert.equal((await link.beat(instance, position, soon())).member, false)
      await link.register({ instance, label: '', holds: LEASE }, soon())
      const later = await link.beat(instance, position, soon())
      assert.equal(later.position.epoch, 0)
      assert.notEqual(later.position.tag, position.tag)
      assert.equal(later.changed, null)
      assert.equal(await lookUp(store, key.hash), null)
    })

    it('has another tag after its epoch alone was lost, and no changes of the one before', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const key = await addKey(store, await addTenant(store))
      await store.updateKey(key.id, { name: 'twice' })
      await admin('DEL', `{${prefix}}:fleet`)
      const { link, instance } = await join(t, store)
      const { position } = await link.beat(instance, null, soon())
      assert.equal(written(await store.updateKey(key.id, { name: 'once' })).epoch, 1)
      assert.deepEqual((await link.beat(instance, position, soon())).changed, [key.hash])
    })

    it('has another tag after a restart that lost nothing, too', async (t) => {
      const own = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
      t.after(() => own.stop())
      const { store, prefix } = await openSettled(t, own.url)
      const before = await join(t, store)
      const { position } = await before.link.beat(before.instance, null, soon())
      await own.restart()
      const again = await openStore(t, own.url, { prefix })
      const after = await join(t, again, { instance: before.instance })
      const beat = await after.link.beat(before.instance, position, soon())
      assert.equal(beat.position.epoch, position.epoch)
      assert.notEqual(beat.position.tag, position.tag)
      assert.equal(beat.changed, null)
      assert.equal((await again.coherence.confirm(position.epoch)).confirmedBy, 'lease')
    })

    for (const persistence of [
      ['--appendonly', 'yes', '--appendfsync', 'always'],
      ['--save', '3600', '1'],
    ]) {
      it(`is not settled any more after a restart with ${persistence.join(' ')}: rows may be lost`, async (t) => {
        const own = await startRedis(persistence)
        t.after(() => own.stop())
        const { prefix, admin } = await openSettled(t, own.url)
        await admin('CONFIG', 'SET', 'shutdown-timeout', '0')
        await own.restart('SIGTERM')
        const restarted = performance.now()
        const again = await openStore(t, own.url, { prefix })
        assert.equal(await (await openAdmin(t, own.url))('EXISTS', `{${prefix}}:fleet`), 1)
        await again.coherence.confirm(0)
        assert.ok(performance.now() - restarted >= LEASE)
      })
    }

    it('has another tag when a replica has taken over', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const { store, admin } = await openSettled(t, own.url)
      const { link, instance } = await join(t, store)
      const { position } = await link.beat(instance, null, soon())
      await admin('REPLICAOF', '127.0.0.1', '1')
      await admin('REPLICAOF', 'NO', 'ONE')
      assert.notEqual((await link.beat(instance, position, soon())).position.tag, position.tag)
    })

    it('does not take the acknowledgement of an epoch of another history', async (t) => {
      const { store } = await openSettled(t)
      const { link, instance } = await join(t, store, { holds: LEASE })
      const { position } = await link.beat(instance, null, soon())
      await link.beat(instance, { epoch: 1_000_000, tag: 'another' }, soon())
      await link.beat(instance, { epoch: 1_000_000, tag: position.tag }, soon())
      const key = await addKey(store, await addTenant(store))
      const { epoch } = written(await store.revokeKey(key.id, at(1)))
      assert.equal((await store.coherence.confirm(epoch)).confirmedBy, 'lease')
    })

    it('in its first moments is confirmed by the lease alone, though no row is there', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const tenant = sampleTenant()
      const key = sampleKey(tenant.id)
      await store.insertTenant(tenant)
      await store.insertKey(key)
      // An instance caches the key, and its row is lost. Its lease holds.
      const { link, instance } = await join(t, store)
      const { position } = await link.beat(instance, null, soon())
      await link.beat(instance, position, soon())
      await forget(admin, prefix)
      const forgotten = performance.now()
      // Somebody brings the data back by hand, and then revokes the key.
      await store.insertTenant(tenant)
      await store.insertKey(key)
      const { epoch } = written(await store.revokeKey(key.id, at(1)))
      assert.equal((await store.coherence.confirm(epoch)).instances, 0)
      assert.ok(performance.now() - forgotten >= LEASE)
      assert.equal((await store.coherence.confirm(epoch)).confirmedBy, 'all')
    })

    it('in its first moments is confirmed no sooner for the instances that have registered again', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await forget(admin, prefix)
      const forgotten = performance.now()
      const { link, instance } = await join(t, store)
      const { position } = await link.beat(instance, null, soon())
      await link.beat(instance, position, soon())
      assert.equal((await store.coherence.confirm(position.epoch)).instances, 1)
      assert.ok(performance.now() - forgotten >= LEASE)
    })

    it('is taken for settled by a process that has just started, once another has watched it long enough', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await forget(admin, prefix)
      const { link, instance } = await join(t, store)
      const { position } = await link.beat(instance, null, soon())
      await until(async () => {
        await sleep(HEARTBEAT)
        await link.beat(instance, position, soon())
        return (await admin('HEXISTS', `{${prefix}}:fleet`, 'settled')) === 1
      })
      const revoker = await openStore(t, server.url, { prefix, lease: 60_000 })
      assert.equal((await revoker.coherence.confirm(position.epoch)).confirmedBy, 'all')
    })

    it('is not taken for settled by a process that has just started and cannot know', async (t) => {
      const { admin, prefix } = await openSettled(t)
      await forget(admin, prefix)
      const forgotten = performance.now()
      const store = await openStore(t, server.url, { prefix })
      await store.coherence.confirm(0)
      assert.ok(performance.now() - forgotten >= LEASE)
    })

    it('lost between a write and its confirmation: nothing is confirmed', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await join(t, store)
      const key = await addKey(store, await addTenant(store))
      const { epoch } = written(await store.revokeKey(key.id, at(1)))
      await forget(admin, prefix)
      // As many writes as there were before: the epoch alone tells nothing.
      const tenantId = await addTenant(store)
      for (let i = 0; i <= epoch; i++) await addKey(await openStore(t, server.url, { prefix }), tenantId)
      await assert.rejects(store.coherence.confirm(epoch), LOST)
    })

    it('lost while a confirmation waits: nothing is confirmed', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await join(t, store, { holds: 60_000 })
      const key = await addKey(store, await addTenant(store))
      const { epoch } = written(await store.revokeKey(key.id, at(1)))
      const confirmation = assert.rejects(store.coherence.confirm(epoch), LOST)
      await sleep(100)
      await forget(admin, prefix)
      const tenantId = await addTenant(store)
      for (let i = 0; i <= epoch; i++) await addKey(store, tenantId)
      await confirmation
    })

    it('an epoch that was never reached is not confirmed', async (t) => {
      const { store } = await openSettled(t)
      await assert.rejects(store.coherence.confirm(1), LOST)
    })

    it('cannot be confirmed while the server is away', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const { store } = await openSettled(t, own.url)
      await own.stop()
      await assert.rejects(store.coherence.confirm(0), { code: 'KEY_STORE_UNAVAILABLE' })
    })

    it('is the same for look-ups as for heartbeats: another primary than theirs is not believed', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const key = await addKey(store, await addTenant(store))
      const { link, instance } = await join(t, store)
      await link.beat(instance, null, soon())
      assert.equal((await lookUp(store, key.hash))?.id, key.id)
      await forget(admin, prefix)
      await assert.rejects(lookUp(store, key.hash), /another server has taken over/)
      await link.beat(instance, null, soon())
      assert.equal(await lookUp(store, key.hash), null)
      await forget(admin, prefix)
      link.destroy()
      assert.equal(await lookUp(store, key.hash), null)
    })
  },
)

describe('a HistoryWatch', () => {
  it('finds a tag settled once it has seen it for longer than any instance holds', () => {
    let now = 0
    const watch = new HistoryWatch(1_000, () => now)
    watch.saw('one')
    watch.sawHold(2_000)
    watch.sawHold(500)
    for (const [time, settled] of [
      [0, ''],
      [2_069, ''],
      [2_070, 'one'],
    ] as const) {
      now = time
      watch.saw('one')
      assert.equal(watch.settledTag(), settled, `after ${time} ms`)
    }
    watch.saw('two')
    assert.equal(watch.settledTag(), '')
    now += 2_070
    assert.equal(watch.settledTag(), 'two')
  })

  it('finds none settled before it has seen any', () => {
    assert.equal(new HistoryWatch(1_000, () => 1e9).settledTag(), '')
  })
})

/** What FLUSHALL does to one prefix. */
async function forget(admin: (...args: string[]) => Promise<unknown>, prefix: string): Promise<void> {
  const names = (await admin('KEYS', `{${prefix}}:*`)) as string[]
  await admin('DEL', ...names)
}
