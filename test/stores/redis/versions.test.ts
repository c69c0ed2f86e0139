/** Data of version 0.1.0, and its instances beside this version's: each counts in the other's confirmations. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it, type TestContext } from 'node:test'
import { keyColumns, placeOf, tenantColumns } from '../../../src/stores/redis/records.ts'
import {
  addKey,
  at,
  lookUp,
  sampleKey,
  sampleTenant,
  written,
} from '../../../src/testing/store-contract/sample-records.ts'
import { redisAvailable, type RedisServer, startRedis } from '../../servers/index.ts'
import { join, LEASE, openAdmin, openStore, soon } from './setup.ts'
import { BEAT, INSERT_KEY, INSERT_TENANT, READ_FLEET, REAP, REGISTER, runnerOn } from './version-0.1.0.ts'

describe(
  'RedisKeyStore beside version 0.1.0',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    /** A tenant with two keys that version 0.1.0 created, and an instance of that version. */
    async function setUp(t: TestContext) {
      const prefix = randomUUID()
      const admin = await openAdmin(t, server.url)
      const old = runnerOn(admin, prefix)
      const tenant = sampleTenant()
      await old(INSERT_TENANT, tenant.id, ...tenantColumns(tenant))
      const insert = async () => {
        const key = sampleKey(tenant.id)
        const place = placeOf(key.createdAt)
        await old(INSERT_KEY, key.id, key.hash, tenant.id, place, 'no', '', '', ...keyColumns(key))
        return key
      }
      const keys = [await insert(), await insert()]
      const info = { label: 'old', holds: 5_000, lease: LEASE, heartbeat: 100 }
      await old(REGISTER, 'old', JSON.stringify(info), `${LEASE}/100`, '1000')
      const store = await openStore(t, server.url, { prefix })
      return { prefix, admin, old, tenantId: tenant.id, keys, insert, store }
    }

    it('serves the old keys in the same history and names every key of a changed tenant', async (t) => {
      const { old, store, tenantId, keys, insert } = await setUp(t)
      const [tag] = await old(BEAT, 'old', '', '', '')
      const member = await join(t, store)
      const { position } = await member.follow()
      assert.deepEqual(position, { history: tag, epoch: 2 })
      for (const { id, hash } of keys) assert.equal((await lookUp(store, hash))?.id, id)
      assert.equal(await lookUp(store, 'f'.repeat(64)), null)
      await store.updateTenant(tenantId, { suspendedAt: at(1) })
      // Both versions go on creating keys, which the old one does not count.
      keys.push(await insert(), await addKey(store, tenantId))
      const before = (await member.beat()).position
      await store.updateTenant(tenantId, { suspendedAt: null })
      const hashes = keys.map(({ hash }) => hash).toSorted()
      assert.deepEqual((await member.link.catchUp(before, soon())).changed?.toSorted(), hashes)
      assert.equal((await store.listKeys({ tenantId, limit: 10 })).length, 4)
      const [, , , seen] = await old(BEAT, 'old', String(before.epoch), before.history, '')
      assert.deepEqual((seen as string[]).toSorted(), hashes)
    })

    it('reports a gap to both versions when the index of a tenant is lost, counted or not', async (t) => {
      for (const counted of [true, false]) {
        const { prefix, admin, old, store, tenantId } = await setUp(t)
        const member = await join(t, store)
        if (counted) await store.updateTenant(tenantId, { name: 'Counted' })
        const { position } = await member.follow()
        await admin('DEL', `{${prefix}}:keys-of:${tenantId}`)
        await store.updateTenant(tenantId, { suspendedAt: at(1) })
        assert.equal((await member.link.catchUp(position, soon())).changed, null)
        const [, word, , changed] = await old(BEAT, 'old', String(position.epoch), position.history, '')
        assert.deepEqual([word, changed], ['member', undefined])
      }
    })

    it('waits for old instances and reaps those that do not answer', async (t) => {
      const { old, store, keys } = await setUp(t)
      const { epoch, history, reach } = written(await store.revokeKey(keys[0]?.id ?? '', at(1)))
      assert.deepEqual(reach, { holds: 5_000, instances: 1 })
      const { driver } = store.coherence
      const pending = async () => (await driver.readFleet(epoch, soon())).pending.map(({ label }) => label)
      assert.deepEqual(await pending(), ['old'])
      await old(BEAT, 'old', String(epoch), history ?? '', '')
      assert.deepEqual(await pending(), [])
      const next = written(await store.revokeKey(keys[1]?.id ?? '', at(1)))
      const { roster, maxHolds } = await driver.readFleet(next.epoch, soon())
      assert.equal(maxHolds, 5_000)
      const below = { epoch: next.epoch, history: history ?? '' }
      assert.deepEqual(await driver.reap(['old'], below, roster, soon()), ['old'])
      assert.equal((await old(BEAT, 'old', '', '', ''))[1], 'gone')
      assert.equal((await driver.readFleet(0, soon())).roster, roster)
    })

    it('gives old instances a row to wait for, which they never reap', async (t) => {
      const { old, store } = await setUp(t)
      const member = await join(t, store)
      const fleet = async () => {
        const list = (await old(READ_FLEET, ''))[3] as string[]
        return new Map(Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i], list[2 * i + 1]]))
      }
      const field = async (name: string) => (await fleet()).get(`${name}:${member.instance}`)
      const { lease, heartbeat, holds } = JSON.parse((await field('info')) ?? '')
      assert.deepEqual([lease, heartbeat, holds], [LEASE, 100, LEASE])
      assert.equal(await field('acknowledged'), '-1')
      await member.follow()
      assert.equal(await field('acknowledged'), '2')
      // Version 0.1.0 compares beats, of which this row has none: `NaN` never matches.
      assert.equal(await field('beats'), undefined)
      await old(REAP, member.instance, 'NaN')
      assert.equal((await member.beat()).member, 'member')
      assert.deepEqual((await old(REGISTER, 'other', '{}', `${LEASE}/100`, '1'))[1], 'registered')
    })
  },
)
