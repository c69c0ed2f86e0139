/** The store's own connections: the state of the user's client does not matter; a dead one is replaced. */
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
  'the connection of a RedisKeyStore',
  { skip: !redisAvailable() && 'redis-server is not installed' },
  () => {
    let server: RedisServer
    before(async () => {
      server = await startRedis()
    })
    after(() => server.stop())

    for (const [library, make] of Object.entries(CLIENTS)) {
      describe(`with ${library}`, () => {
        /** A store whose connections all go through a proxy, and that has one for commands open already. */
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

        it('is unaffected by an open MULTI or another database on the client', async (t) => {
          const { store, key, client } = await openBehindProxy(t)
          for (const command of [['SELECT', '5'], ['MULTI']]) await send(client, command)
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
          assert.ok(await store.revokeKey(key.id, at(1)))
          assert.deepEqual((await lookUp(store, key.hash))?.revokedAt, at(1))
        })

        it('is shared by concurrent look-ups and closes with the client', async (t) => {
          const { proxy, store, key, close } = await openBehindProxy(t)
          await Promise.all(Array.from({ length: 50 }, () => lookUp(store, key.hash)))
          assert.equal(proxy.accepted, 2)
          close()
          await until(() => proxy.connections === 0)
          await assert.rejects(lookUp(store, key.hash), /client that the store was given is not connected/)
        })

        it('is replaced for a look-up when it was lost', async (t) => {
          const { proxy, store, key } = await openBehindProxy(t)
          await old()
          proxy.reset()
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
        })

        it('is replaced when its peer has silently vanished', async (t) => {
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
          // The look-up that timed out has had the connection replaced, so the next one does not wait.
          await store.findByHash(key.hash, { signal: AbortSignal.timeout(1_000) })
        })

        it('opens once, even if that takes longer than a look-up may', async (t) => {
          const { proxy, store, key } = await openBehindProxy(t)
          await old()
          proxy.reset()
          await until(() => proxy.connections <= 1) // The user's client may be back already.
          proxy.delay(1_000)
          const { accepted } = proxy
          // Together longer than the store waits for an answer over a connection that was open.
          for (let attempt = 0; attempt < 12; attempt++) {
            await assert.rejects(store.findByHash(key.hash, { signal: AbortSignal.timeout(150) }), {
              name: 'TimeoutError',
            })
          }
          proxy.delay(0)
          assert.equal((await lookUp(store, key.hash))?.id, key.id)
          assert.ok(proxy.accepted - accepted <= 2, 'one for commands, one of the client')
        })

        it('is replaced when its server has become a replica, and no call fails', async (t) => {
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

    it('reports that nothing was done when the server refuses a write', async (t) => {
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

/** A replica gets the data at once, without waiting for other replicas. */
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
