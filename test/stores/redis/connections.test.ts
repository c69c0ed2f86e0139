/** The store's own connections: what the user's client is in does not matter, and one of no use is replaced. */
import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { RedisKeyStore } from '../../../src/stores/redis/index.ts'
import {
  addKey,
  addTenant,
  at,
  lookUp,
  sampleKey,
  written,
} from '../../../src/testing/store-contract/sample-records.ts'
import { redisAvailable, type RedisServer, startRedis, startTcpProxy } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { CLIENTS, type ConnectedClient } from './clients.ts'
import { openAdmin, openStore } from './setup.ts'

describe(
  'the connections of RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    for (const [library, make] of Object.entries(CLIENTS)) {
      describe(`with ${library}`, () => {
        /** A store whose every connection leads through a proxy, and that has one for commands already. */
        async function openBehindProxy(t: TestContext, target = server) {
          const proxy = await startTcpProxy(target)
          t.after(() => proxy.stop())
          const connected = await make(`redis://127.0.0.1:${proxy.port}`)
          let closed = false
          const close = () => closed || connected.close()
          t.after(close)
          const store = new RedisKeyStore({ client: connected.client })
          const key = await addKey(store, await addTenant(store))
          return {
            proxy,
            store,
            key,
            client: connected.client,
            close: () => {
              close()
              closed = true
            },
          }
        }

        it('does not mind a MULTI that is left open on the client, nor another database', async (t) => {
          const { store, key, client } = await openBehindProxy(t)
          for (const command of [['SELECT', '5'], ['MULTI']]) await send(client, command)
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
          assert.ok(await store.revokeKey(key.id, at(1)))
          assert.deepEqual((await lookUp(store, key.hash))?.revokedAt, at(1))
        })

        it('is one, whoever asks at the same time, and ends with the client', async (t) => {
          const { proxy, store, key, close } = await openBehindProxy(t)
          await Promise.all(Array.from({ length: 50 }, () => lookUp(store, key.hash)))
          assert.equal(proxy.accepted, 2)
          close()
          await until(() => proxy.connections === 0)
          await assert.rejects(lookUp(store, key.hash), /client that the store was given is not connected/)
        })

        it('that was lost is made anew for a look-up, unseen', async (t) => {
          const { proxy, store, key } = await openBehindProxy(t)
          await old()
          proxy.reset()
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
        })

        it('whose peer is silently gone is replaced after a second and a half', async (t) => {
          const { proxy, store, key } = await openBehindProxy(t)
          await old()
          proxy.strand()
          const revocation = assert.rejects(
            store.updateKey(key.id, { name: 'lost' }),
            /did not answer within/,
          )
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
          await revocation
          written(await store.updateKey(key.id, { name: 'found' }))
          await old()
          proxy.strand()
          await assert.rejects(store.findByHash(key.hash, { signal: AbortSignal.timeout(200) }), {
            name: 'TimeoutError',
          })
          // Whoever has waited in vain has seen to it that the next one does not.
          await store.findByHash(key.hash, { signal: AbortSignal.timeout(1_000) })
        })

        it('that leads to a server which is a replica now is replaced, and nothing fails', async (t) => {
          const [one, other] = await Promise.all([startRedis(AT_ONCE), startRedis(AT_ONCE)])
          t.after(() => Promise.all([one.stop(), other.stop()]))
          const { proxy, store, key } = await openBehindProxy(t, one)
          const admins = [await openAdmin(t, one.url), await openAdmin(t, other.url)] as const
          await admins[1]('REPLICAOF', '127.0.0.1', String(one.port))
          await until(async () => Number(await admins[1]('EXISTS', `{tenant-auth}:key:${key.id}`)) === 1)
          await admins[1]('REPLICAOF', 'NO', 'ONE')
          await admins[0]('REPLICAOF', '127.0.0.1', String(other.port))
          await old()
          proxy.leadTo(other)
          assert.equal((await lookUp(store, key.hash))?.id, key.id)

          await admins[1]('REPLICAOF', '127.0.0.1', String(one.port))
          await admins[0]('REPLICAOF', 'NO', 'ONE')
          await old()
          proxy.leadTo(one)
          assert.ok(await store.revokeKey(key.id, at(1)))
        })
      })
    }

    it('knows that a server which refuses a write has done nothing', async (t) => {
      const own = await startRedis()
      t.after(() => own.stop())
      const store = await openStore(t, own.url)
      const admin = await openAdmin(t, own.url)
      const tenantId = await addTenant(store)
      const nothing = { code: 'KEY_STORE_UNAVAILABLE', effect: 'none', message: /^Nothing was done/ }
      await admin('CONFIG', 'SET', 'maxmemory', '1')
      await assert.rejects(store.insertKey(sampleKey(tenantId)), nothing)
      await admin('CONFIG', 'SET', 'maxmemory', '0')
      await admin('CONFIG', 'SET', 'min-replicas-to-write', '1')
      await assert.rejects(store.insertKey(sampleKey(tenantId)), nothing)
      await admin('CONFIG', 'SET', 'min-replicas-to-write', '0')
      await admin('REPLICAOF', '127.0.0.1', '1')
      await assert.rejects(store.insertKey(sampleKey(tenantId)), nothing)
    })
  },
)

/** A replica is sent the data without waiting for others. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0']

/** A connection is not replaced in the first tenth of a second of its life. */
async function old(): Promise<void> {
  const start = performance.now()
  await until(() => performance.now() - start > 150)
}

async function send(client: ConnectedClient['client'], [command = '', ...args]: string[]): Promise<void> {
  if ('call' in client) await client.call(command, ...args)
  else await client.sendCommand([command, ...args])
}
