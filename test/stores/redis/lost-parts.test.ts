/** Single parts of the data are lost, as on a server that evicts: the store never passes them for absent. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
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
import { join, LEASE, openAdmin, openStore, soon } from './setup.ts'

const LOST = { code: 'KEY_STORE_UNAVAILABLE', effect: 'none', message: /Redis has lost/ }

describe(
  'RedisKeyStore with lost data',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    /** A tenant with two keys, an instance that has caught up, and a way to delete parts. */
    async function setUp(t: TestContext) {
      const prefix = randomUUID()
      const store = await openStore(t, server.url, { prefix })
      const admin = await openAdmin(t, server.url)
      const tenantId = await addTenant(store)
      const keys = [await addKey(store, tenantId), await addKey(store, tenantId)] as const
      const member = await join(t, store)
      const { position } = await member.follow()
      return {
        store,
        tenantId,
        keys,
        /** The hashes that the instance learns of, or null if it has to drop everything. */
        learns: async () => (await member.link.catchUp(position, soon())).changed,
        lose: (...names: string[]) => admin('DEL', ...names.map((name) => `{${prefix}}:${name}`)),
        admin: (command: string, name: string, ...args: string[]) =>
          admin(command, `{${prefix}}:${name}`, ...args),
      }
    }

    it('reports a gap and lists nothing when the index of a changed tenant is lost', async (t) => {
      for (const when of ['before', 'after']) {
        const { store, tenantId, lose, learns } = await setUp(t)
        if (when === 'before') await lose(`keys-of:${tenantId}`)
        assert.ok(await store.updateTenant(tenantId, { suspendedAt: at(1) }))
        if (when === 'after') await lose(`keys-of:${tenantId}`)
        assert.equal(await learns(), null, when)
        await assert.rejects(store.listKeys({ tenantId, limit: 10 }), LOST)
      }
    })

    it('still reports a gap and lists nothing when keys were created after the index was lost', async (t) => {
      const { store, tenantId, lose, learns } = await setUp(t)
      await lose(`keys-of:${tenantId}`)
      for (let i = 0; i < 3; i++) await addKey(store, tenantId)
      await store.updateTenant(tenantId, { suspendedAt: at(1) })
      assert.equal(await learns(), null)
      await assert.rejects(store.listKeys({ tenantId, limit: 10 }), LOST)
    })

    it('reports a gap when one key is missing from the index of a tenant', async (t) => {
      const { store, tenantId, admin, learns } = await setUp(t)
      await admin('ZREMRANGEBYRANK', `keys-of:${tenantId}`, '0', '0')
      await store.updateTenant(tenantId, { suspendedAt: at(1) })
      assert.equal(await learns(), null)
    })

    it('reports a gap and fails look-ups of that key alone when the record of a key is lost', async (t) => {
      const { store, tenantId, keys, lose, learns } = await setUp(t)
      await lose(`key:${keys[0].id}`)
      await store.updateTenant(tenantId, { suspendedAt: at(1) })
      assert.equal(await learns(), null)
      await assert.rejects(lookUp(store, keys[0].hash), /lost the record/)
      await assert.rejects(store.listKeys({ tenantId, limit: 10 }), /lost the record/)
      assert.ok(await lookUp(store, keys[1].hash))
      await assert.rejects(store.findKey(keys[0].id), LOST)
      await assert.rejects(store.updateKey(keys[0].id, { name: 'lost' }), LOST)
    })

    it('fails to revoke a key whose record is lost, but drops it from every cache', async (t) => {
      const { store, keys, lose, learns } = await setUp(t)
      await lose(`key:${keys[0].id}`)
      await assert.rejects(store.revokeKey(keys[0].id, at(1)), LOST)
      assert.deepEqual(await learns(), [keys[0].hash])
      await assert.rejects(lookUp(store, keys[0].hash), /lost the record/)
      assert.equal(await store.revokeKey('key_unknown', at(1)), null)
    })

    it('fails look-ups and inserts of keys when the record of their tenant is lost', async (t) => {
      const { store, tenantId, keys, lose } = await setUp(t)
      await lose(`tenant:${tenantId}`)
      await assert.rejects(lookUp(store, keys[0].hash), /lost the record/)
      await assert.rejects(store.findTenant(tenantId), LOST)
      await assert.rejects(store.updateTenant(tenantId, { suspendedAt: at(1) }), LOST)
      await assert.rejects(store.insertKey(sampleKey(tenantId)), LOST)
    })

    it('reports a gap when a changed tenant is lost, and its keys once it is inserted again', async (t) => {
      const { store, tenantId, keys, lose, learns } = await setUp(t)
      await store.updateTenant(tenantId, { suspendedAt: at(1) })
      await lose(`tenant:${tenantId}`)
      assert.equal(await learns(), null)
      const { epoch } = written(await store.insertTenant({ ...sampleTenant(), id: tenantId }))
      assert.equal(epoch, 4)
      assert.deepEqual((await learns())?.toSorted(), keys.map(({ hash }) => hash).toSorted())
    })

    it('fails look-ups and inserts without the index of hashes, until a new history begins', async (t) => {
      const { store, tenantId, keys, lose } = await setUp(t)
      assert.equal(await lookUp(store, 'f'.repeat(64)), null)
      await lose('hashes')
      await assert.rejects(lookUp(store, keys[0].hash), LOST)
      await assert.rejects(lookUp(store, 'f'.repeat(64)), LOST)
      await assert.rejects(store.insertKey(sampleKey(tenantId)), LOST)
      // How an operator goes on without it: a new history begins with what is there.
      await lose('fleet')
      assert.equal(await lookUp(store, keys[0].hash), null)
      assert.ok(await store.insertKey(sampleKey(tenantId)))
    })

    it('forgets the long hold of a row that leaves or is reaped, but not of one that is lost', async (t) => {
      const { store, admin } = await setUp(t)
      const { driver } = store.coherence
      const fleet = () => driver.readFleet(0, soon())
      const { position, roster } = await fleet()
      await driver.settle(position.history, roster, soon())
      for (const part of ['leaves', 'is reaped']) {
        const { instance, session, link } = await join(t, store, { holds: 60_000 })
        assert.equal((await fleet()).maxHolds, 60_000)
        const below = { ...position, epoch: position.epoch + 1 }
        if (part === 'leaves') await link.leave({ instance, session }, soon())
        else assert.deepEqual(await driver.reap([instance], below, roster, soon()), [instance])
        assert.equal((await fleet()).maxHolds, LEASE, part)
      }
      const lost = await join(t, store, { holds: 60_000 })
      await admin('HDEL', 'fleet', `info:${lost.instance}`)
      const { instance, session, link } = await join(t, store)
      await link.leave({ instance, session }, soon())
      assert.equal((await fleet()).maxHolds, 60_000)
    })

    it('reports a gap and no last use when the changes and the times of use are lost', async (t) => {
      const { store, keys, lose, learns } = await setUp(t)
      await store.recordUse(new Map([[keys[0].id, at(1)]]))
      await store.revokeKey(keys[0].id, at(1))
      await lose('changes', 'used')
      assert.equal(await learns(), null)
      assert.equal((await store.findKey(keys[0].id))?.lastUsedAt, null)
      await store.revokeKey(keys[1].id, at(1))
      assert.equal(await learns(), null)
    })
  },
)
