/** The store on a real server that is flushed, full, down, hung or a replica. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { createClient } from 'redis'
import { RedisKeyStore } from '../../../src/stores/redis/index.ts'
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
import { CLIENTS } from './clients.ts'
import { HEARTBEAT, join, LEASE, openAdmin, openStore, soon } from './setup.ts'

describe(
  'RedisKeyStore on a real server',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    for (const library of Object.keys(CLIENTS)) {
      describe(`with ${library}`, () => {
        it('resends a script that the server has forgotten', async (t) => {
          const store = await openStore(t, server.url, { library })
          const admin = await openAdmin(t, server.url)
          const key = await addKey(store, await addTenant(store))
          await admin('SCRIPT', 'FLUSH')
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
          await admin('SCRIPT', 'FLUSH')
          assert.ok(await store.revokeKey(key.id, at(1)))
        })

        it('fails while the server is down, then recovers without applying the failed write', async (t) => {
          const own = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always'])
          t.after(() => own.stop())
          const store = await openStore(t, own.url, { library })
          const key = await addKey(store, await addTenant(store))
          await own.stop()
          await until(() =>
            lookUp(store, key.hash).then(
              () => false,
              () => true,
            ),
          )
          await assert.rejects(lookUp(store, key.hash))
          await assert.rejects(store.revokeKey(key.id, at(1)))
          await own.start()
          await until(() =>
            lookUp(store, key.hash).then(
              () => true,
              () => false,
            ),
          )
          assert.equal((await store.findKey(key.id))?.revokedAt, null)
        })

        it('rejects calls in flight when the connection is lost', async (t) => {
          const own = await startRedis()
          t.after(() => own.stop())
          const store = await openStore(t, own.url, { library })
          own.pause()
          const pending = Promise.allSettled([lookUp(store, 'a'.repeat(64)), store.revokeKey('key_1', at(1))])
          await own.stop()
          for (const { status } of await pending) assert.equal(status, 'rejected')
        })

        it('gives up a look-up on a hung server when its signal aborts', async (t) => {
          const own = await startRedis()
          t.after(() => own.stop())
          const store = await openStore(t, own.url, { library })
          own.pause()
          const reason = new Error('nobody waits any more')
          const hung = store.findByHash('a'.repeat(64), { signal: AbortSignal.timeout(50) })
          await assert.rejects(hung, { name: 'TimeoutError' })
          await assert.rejects(
            store.findByHash('a'.repeat(64), { signal: AbortSignal.abort(reason) }),
            reason,
          )
        })
      })
    }

    it('refuses to work on a replica, even to read', async (t) => {
      const replica = await startRedis(['--replicaof', '127.0.0.1', String(server.port)])
      t.after(() => replica.stop())
      const admin = await openAdmin(t, replica.url)
      await until(async () => String(await admin('INFO', 'replication')).includes('master_link_status:up'))
      const key = await addKey(
        await openStore(t, server.url),
        await addTenant(await openStore(t, server.url)),
      )
      await until(async () => (await admin('HEXISTS', '{tenant-auth}:hashes', key.hash)) === 1)

      const store = await openStore(t, replica.url)
      await assert.rejects(lookUp(store, key.hash), /READONLY/)
      await assert.rejects(store.findKey(key.id), /READONLY/)
      await assert.rejects(store.revokeKey(key.id, at(1)), /READONLY/)
      await assert.rejects(join(t, store), /READONLY/)
    })

    it('refuses to work on a primary that lacks its required replicas', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const store = await openStore(t, own.url)
      const key = await addKey(store, await addTenant(store))
      await (
        await openAdmin(t, own.url)
      )('CONFIG', 'SET', 'min-replicas-to-write', '1')
      await assert.rejects(lookUp(store, key.hash), /NOREPLICAS/)
    })

    it('looks up and revokes, but does not insert, when the memory of the server is full', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const store = await openStore(t, own.url)
      const tenantId = await addTenant(store)
      const key = await addKey(store, tenantId)
      await (
        await openAdmin(t, own.url)
      )('CONFIG', 'SET', 'maxmemory', '1')
      await assert.rejects(store.insertKey(sampleKey(tenantId)), /OOM/)
      await assert.rejects(store.insertTenant(sampleTenant()), /OOM/)
      assert.equal((await lookUp(store, key.hash))?.id, key.id)
      assert.ok(await store.revokeKey(key.id, at(1)))
      assert.deepEqual((await lookUp(store, key.hash))?.revokedAt, at(1))
    })

    it('keeps expired keys for audits and sets no time to live', async (t) => {
      const store = await openStore(t, server.url, { prefix: 'audit' })
      const admin = await openAdmin(t, server.url)
      const key = await addKey(store, await addTenant(store), { expiresAt: new Date(Date.now() + 1) })
      await store.recordUse(new Map([[key.id, at(1)]]))
      await until(() => Date.now() > (key.expiresAt?.getTime() ?? 0))
      assert.deepEqual((await store.findKey(key.id))?.expiresAt, key.expiresAt)
      assert.deepEqual((await lookUp(store, key.hash))?.expiresAt, key.expiresAt)
      const names = (await admin('KEYS', '{audit}:*')) as string[]
      assert.ok(names.length >= 7, names.join())
      for (const name of names) assert.equal(await admin('TTL', name), -1, name)
    })

    it('lists a page without KEYS or SCAN, reading only that page', async (t) => {
      const store = await openStore(t, server.url)
      const admin = await openAdmin(t, server.url)
      const tenantId = await addTenant(store)
      for (let i = 0; i < 30; i++) await addKey(store, tenantId)
      await admin('CONFIG', 'RESETSTAT')
      assert.equal((await store.listKeys({ tenantId, limit: 5 })).length, 5)
      const stats = String(await admin('INFO', 'commandstats'))
      assert.doesNotMatch(stats, /cmdstat_(?:keys|h?z?s?scan):/)
      assert.match(stats, /cmdstat_hgetall:calls=5,/)
    })

    it('records the use of thousands of keys in one call', async (t) => {
      const store = await openStore(t, server.url)
      const key = await addKey(store, await addTenant(store))
      const uses = new Map(Array.from({ length: 2_500 }, (_, i) => [`key_gone_${i}`, at(1)]))
      await store.recordUse(uses.set(key.id, at(2)))
      assert.deepEqual((await store.findKey(key.id))?.lastUsedAt, at(2))
      const used = await (await openAdmin(t, server.url))('HGET', '{tenant-auth}:used', 'key_gone_7')
      assert.equal(used, null)
    })

    it('keeps stores with different prefixes apart', async (t) => {
      const one = await openStore(t, server.url, { prefix: 'one' })
      const other = await openStore(t, server.url, { prefix: 'other' })
      const key = await addKey(one, await addTenant(one))
      assert.equal(await lookUp(other, key.hash), null)
      assert.equal(await other.findKey(key.id), null)
    })

    it('works with a client that returns buffers', async (t) => {
      const client = createClient({
        url: server.url,
        disableOfflineQueue: true,
        commandOptions: { typeMapping: { [36]: Buffer } },
      })
      client.on('error', () => {})
      await client.connect()
      t.after(() => client.destroy())
      const store = new RedisKeyStore({ client })
      const key = await addKey(store, await addTenant(store))
      assert.equal((await lookUp(store, key.hash))?.id, key.id)
    })

    it('needs only the rights that the documentation lists', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const documentation = await readFile('docs/redis.md', 'utf8')
      const rights = /```\w*\n(~[^`]+)\n```/.exec(documentation)?.[1]?.split(/\s+/)
      assert.ok(rights)
      const admin = await openAdmin(t, own.url)
      await admin('ACL', 'SETUSER', 'app', 'on', '>secret', '+hello', '+select', '+client', ...rights)
      const client = createClient({ url: own.url.replace('//', '//app:secret@'), disableOfflineQueue: true })
      client.on('error', () => {})
      await client.connect()
      t.after(() => client.destroy())

      const store = new RedisKeyStore({ client, lease: LEASE, heartbeat: HEARTBEAT })
      const tenantId = await addTenant(store)
      const key = await addKey(store, tenantId)
      const member = await join(t, store)
      const { position } = await member.follow()
      await store.updateTenant(tenantId, { name: 'Renamed' })
      await store.updateKey(key.id, { name: 'Renamed' })
      const next = await addKey(store, tenantId)
      await store.insertKey(sampleKey(tenantId), { id: next.id, expiresAt: at(1) })
      await store.recordUse(new Map([[key.id, at(1)]]))
      const write = written(await store.revokeKey(key.id, at(1)))
      assert.equal((await store.listKeys({ tenantId, limit: 10 })).length, 3)
      assert.ok((await member.follow(position)).changed?.includes(key.hash))
      await store.coherence.confirm(write)
      await member.link.leave(member, soon())
    })

    it('lists keys created at the extremes of Date in order', async (t) => {
      const store = await openStore(t, server.url)
      const tenantId = await addTenant(store)
      const times = [-8.64e15, -1, 0, 8.64e15].map((ms) => new Date(ms))
      for (const createdAt of times) await addKey(store, tenantId, { createdAt })
      const listed = await store.listKeys({ tenantId, limit: 10 })
      assert.deepEqual(
        listed.map(({ createdAt }) => createdAt),
        times.toReversed(),
      )
    })
  },
)
