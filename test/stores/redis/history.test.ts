/** Confirmations once Redis has lost data: none says `all` while an instance without a row may serve. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { patience } from '../../../src/coherence/fleet-times.ts'
import type { RedisKeyStore } from '../../../src/stores/redis/index.ts'
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
import { until } from '../../harness/until.ts'
import { join, LEASE, openAdmin, type OpenOptions, openStore, soon } from './setup.ts'

describe(
  'the history of a RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    const confirm = (store: RedisKeyStore, epoch = 0) => store.coherence.confirm({ epoch })

    /** A new prefix has a new history: no instance lives whose row was lost with an earlier one. */
    async function openSettled(t: TestContext, url = server.url, options: OpenOptions = {}) {
      const prefix = randomUUID()
      const store = await openStore(t, url, { prefix, ...options })
      await settle(store)
      assert.equal((await confirm(store)).confirmedBy, 'all')
      return { store, prefix, admin: await openAdmin(t, url) }
    }

    it('is new and starts at epoch 0 after data loss', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const { link, beat } = await join(t, store)
      const key = await addKey(store, await addTenant(store))
      const { position } = await beat()
      assert.equal(position.epoch, 1)
      await forget(admin, prefix)
      const after = await beat()
      assert.deepEqual([after.member, after.position.epoch, after.settled], ['gone', 0, false])
      assert.notEqual(after.position.history, position.history)
      assert.equal((await link.catchUp(position, soon())).changed, null)
      assert.equal(await lookUp(store, key.hash), null)
    })

    it('changes on a restart without data loss and on a takeover by a replica', async (t) => {
      const own = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
      t.after(() => own.stop())
      const { store, admin, prefix } = await openSettled(t, own.url)
      const { position } = await (await join(t, store)).beat()
      await admin('REPLICAOF', '127.0.0.1', '1')
      await admin('REPLICAOF', 'NO', 'ONE')
      const taken = await store.coherence.driver.readFleet(0, soon())
      await own.restart()
      const again = await openStore(t, own.url, { prefix })
      const restarted = await again.coherence.driver.readFleet(0, soon())
      const histories = [position, taken.position, restarted.position].map(({ history }) => history)
      assert.equal(new Set(histories).size, 3)
      assert.deepEqual([restarted.instances, restarted.settled], [1, false])
    })

    for (const persistence of [
      ['--appendonly', 'yes', '--appendfsync', 'always'],
      ['--save', '3600', '1'],
    ]) {
      it(`is unsettled after a restart with ${persistence.join(' ')}, as rows may be lost`, async (t) => {
        const own = await startRedis(persistence)
        t.after(() => own.stop())
        const { prefix, admin } = await openSettled(t, own.url)
        await admin('CONFIG', 'SET', 'shutdown-timeout', '0')
        await own.restart('SIGTERM')
        const restarted = performance.now()
        const again = await openStore(t, own.url, { prefix })
        const reader = await openAdmin(t, own.url)
        // A server answers before it has loaded its data.
        while (String(await reader('INFO', 'persistence')).includes('loading:1')) await setImmediate()
        assert.equal(await reader('EXISTS', `{${prefix}}:fleet`), 1)
        await confirm(again)
        assert.ok(performance.now() - restarted >= LEASE)
      })
    }

    it('makes a confirmation wait for the lease after data loss, even if no row is left', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const tenant = sampleTenant()
      const key = sampleKey(tenant.id)
      await store.insertTenant(tenant)
      await store.insertKey(key)
      // An instance caches the key, and its row is lost. Its lease holds.
      const member = await join(t, store)
      await member.follow()
      await forget(admin, prefix)
      const forgotten = performance.now()
      // Somebody brings the data back by hand, and then revokes the key.
      await store.insertTenant(tenant)
      await store.insertKey(key)
      const write = written(await store.revokeKey(key.id, at(1)))
      await store.coherence.confirm(write)
      assert.ok(performance.now() - forgotten >= LEASE)
    })

    it('makes a confirmation wait for the lease even if instances have registered again', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await forget(admin, prefix)
      const forgotten = performance.now()
      const member = await join(t, store, { holds: LEASE })
      const { position } = await member.follow()
      await confirm(store, position.epoch)
      assert.ok(performance.now() - forgotten >= LEASE)
    })

    it('is settled for a new process once another has watched it long enough', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await forget(admin, prefix)
      await confirm(store)
      await until(
        async () =>
          (await store.coherence.driver.readFleet(0, soon())).settled || (await confirm(store), false),
      )
      const revoker = await openStore(t, server.url, { prefix, lease: 60_000 })
      assert.equal((await confirm(revoker)).confirmedBy, 'all')
    })

    it('is not settled by a process that watched another history or roster', async (t) => {
      const store = await openStore(t, server.url, { prefix: randomUUID() })
      const { driver } = store.coherence
      const { position, roster } = await driver.readFleet(0, soon())
      await driver.settle(`not ${position.history}`, roster, soon())
      await driver.settle(position.history, `not ${roster}`, soon())
      assert.equal((await driver.readFleet(0, soon())).settled, false)
      await driver.settle(position.history, roster, soon())
      assert.equal((await driver.readFleet(0, soon())).settled, true)
    })

    for (const [what, lose] of Object.entries({
      'the tag': ['HDEL', 'tag'],
      'the epoch': ['HDEL', 'epoch'],
    })) {
      it(`is new when ${what} is lost, and keeps nothing of the old one`, async (t) => {
        const { store, admin, prefix } = await openSettled(t)
        const key = await addKey(store, await addTenant(store))
        const member = await join(t, store)
        const { position } = await member.beat()
        const [command = '', ...fields] = lose
        await admin(command, `{${prefix}}:fleet`, ...fields)
        assert.equal((await member.link.catchUp(position, soon())).changed, null)
        const after = await member.beat()
        assert.deepEqual([after.member, after.settled], ['gone', false])
        assert.equal(written(await store.updateKey(key.id, { name: 'once' })).epoch, 1)
        assert.deepEqual((await member.link.catchUp(after.position, soon())).changed, [key.hash])
      })
    }

    it('has a gap after its epoch was set back by hand', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      const key = await addKey(store, await addTenant(store))
      const member = await join(t, store)
      for (let i = 0; i < 3; i++) await store.updateKey(key.id, { name: `${i}` })
      const { position } = await member.beat()
      await admin('HSET', `{${prefix}}:fleet`, 'epoch', '1')
      assert.equal((await member.link.catchUp(position, soon())).changed, null)
      const { position: back } = await member.beat()
      await store.updateKey(key.id, { name: 'again' })
      assert.equal((await member.link.catchUp(back, soon())).changed, null)
    })

    for (const [what, fields] of Object.entries({
      'a row': ['info', 'session', 'acknowledged'],
      'the label of a row': ['info'],
      'the token of a row': ['session'],
      'the acknowledgement of a row': ['acknowledged'],
    })) {
      it(`is unsettled when ${what} is lost, as the instance may still serve`, async (t) => {
        const { store, admin, prefix } = await openSettled(t)
        const member = await join(t, store)
        await member.follow()
        await settle(store)
        const before = await store.coherence.driver.readFleet(0, soon())
        assert.equal(before.settled, true)
        await admin('HDEL', `{${prefix}}:fleet`, ...fields.map((field) => `${field}:${member.instance}`))
        const gone = performance.now()
        const after = await store.coherence.driver.readFleet(0, soon())
        assert.deepEqual([after.settled, after.roster === before.roster], [false, false])
        await confirm(store)
        assert.ok(performance.now() - gone >= patience(LEASE))
      })
    }

    it('fails the confirmation when it is lost after the write', async (t) => {
      const { store, admin, prefix } = await openSettled(t)
      await join(t, store)
      const key = await addKey(store, await addTenant(store))
      const write = written(await store.revokeKey(key.id, at(1)))
      await forget(admin, prefix)
      // As many writes as before, so that the epoch alone gives nothing away.
      const tenantId = await addTenant(store)
      for (let i = 0; i <= write.epoch; i++) await addKey(store, tenantId)
      await assert.rejects(store.coherence.confirm(write), { code: 'KEY_STORE_UNAVAILABLE' })
    })

    it('is checked by look-ups too: an answer from an earlier state is rejected', async (t) => {
      // So rarely that no heartbeat comes in between.
      const rarely = { lease: 10_000, heartbeat: 3_000 }
      const { store, admin, prefix } = await openSettled(t, server.url, rarely)
      const key = await addKey(store, await addTenant(store))
      const membership = store.coherence.join({ staleIfError: 0, onChanged: () => {}, onReset: () => {} })
      await membership.start()
      t.after(() => membership.close())
      assert.equal((await lookUp(store, key.hash))?.id, key.id)
      // The epoch of an earlier state, as a server has that was replaced or came back with older data.
      await admin('HINCRBY', `{${prefix}}:fleet`, 'epoch', '-1')
      await assert.rejects(lookUp(store, key.hash), /earlier state/)
      await until(() =>
        lookUp(store, key.hash).then(
          (found) => found?.id === key.id,
          () => false,
        ),
      )
    })
  },
)

/** Marks the history as settled: no instance lives whose row was lost. */
async function settle({ coherence: { driver } }: RedisKeyStore): Promise<void> {
  const { position, roster } = await driver.readFleet(0, soon())
  await driver.settle(position.history, roster, soon())
}

/** What FLUSHALL does to one prefix. */
async function forget(admin: (...args: string[]) => Promise<unknown>, prefix: string): Promise<void> {
  const names = (await admin('KEYS', `{${prefix}}:*`)) as string[]
  await admin('DEL', ...names)
}
