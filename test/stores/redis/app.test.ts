/** An app on a Redis that breaks: how it answers requests, and how it closes. */
import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import Fastify from 'fastify'
import { KeyManager } from '../../../src/keys/index.ts'
import { RedisKeyStore } from '../../../src/stores/redis/index.ts'
import { tenantAuth } from '../../../src/tenant-auth/index.ts'
import {
  redisAvailable,
  type RedisServer,
  startRedis,
  startTcpProxy,
  type TcpProxy,
} from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { CLIENTS } from './clients.ts'
import { openAdmin } from './setup.ts'

const AT_ONCE = ['--repl-diskless-sync-delay', '0']

describe('an app on Redis', { skip: !redisAvailable() && 'redis-server is not installed' }, () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis(AT_ONCE)
  })
  after(() => server.stop())

  for (const library of ['node-redis 6', 'ioredis 6']) {
    describe(`with ${library}`, () => {
      async function openApp(t: TestContext, target = server) {
        const proxy: TcpProxy = await startTcpProxy(target)
        t.after(() => proxy.stop())
        const { client, close } = await connectWith(library, `redis://127.0.0.1:${proxy.port}`)
        t.after(close)
        const keyStore = new RedisKeyStore({ client, prefix: `app-${++prefixes}` })
        const keys = new KeyManager(keyStore)
        await keys.createTenant({ id: 'acme', name: 'Acme' })
        const create = async () =>
          (await keys.create({ tenantId: 'acme', name: 'key', environment: 'live' })).key
        const lines: string[] = []
        const app = Fastify({ logger: { stream: { write: (line) => void lines.push(line) } } })
        await app.register(tenantAuth, { keyStore })
        app.get('/', () => 'ok')
        await app.ready()
        t.after(() => app.close())
        const status = async (key: string) =>
          (await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })).statusCode
        /** The logged reasons of lost rows and emptied caches. */
        const reasons = () =>
          lines.map((line) => JSON.parse(line) as { reason?: string }).flatMap(({ reason }) => reason ?? [])
        return { app, proxy, keys, create, status, reasons, prefix: `app-${prefixes}` }
      }

      it('looks up uncached keys again after a peer has silently vanished', async (t) => {
        const { proxy, create, status } = await openApp(t)
        const key = await create()
        proxy.strand()
        await until(async () => (await status(key)) === 200)
      })

      it('moves to the promoted server, heartbeats and pushes included', async (t) => {
        const [one, other] = await Promise.all([startRedis(AT_ONCE), startRedis(AT_ONCE)])
        t.after(() => Promise.all([one.stop(), other.stop()]))
        const { app, proxy, keys, create, status, prefix } = await openApp(t, one)
        const admins = [await openAdmin(t, one.url), await openAdmin(t, other.url)] as const
        const known = await create()
        assert.equal(await status(known), 200)
        await admins[1]('REPLICAOF', '127.0.0.1', String(one.port))
        await until(async () => Number(await admins[1]('EXISTS', `{${prefix}}:hashes`)) === 1)
        await until(async () =>
          String(await admins[1]('INFO', 'replication')).includes('master_sync_in_progress:0'),
        )
        proxy.leadTo(other)
        await admins[1]('REPLICAOF', 'NO', 'ONE')
        await admins[0]('REPLICAOF', '127.0.0.1', String(other.port))
        await until(
          async () => (await status(known)) === 200 && app.tenantAuth.stats().fleet?.state === 'coherent',
        )
        // A connection younger than 100 ms is not replaced, and these may be.
        const revokes = async () => {
          const { keys: found } = await keys.list({ tenantId: 'acme' })
          await keys.revoke(found[0]?.id ?? '')
        }
        await until(() =>
          revokes().then(
            () => true,
            () => false,
          ),
        )
        assert.equal(await status(known), 401)
        await until(async () =>
          String(await admins[1]('PUBSUB', 'NUMSUB', `{${prefix}}:pushes`)).endsWith(',1'),
        )
      })

      it('tells a reaped row, another history and an empty history apart', async (t) => {
        const own = await startRedis()
        t.after(() => own.stop())
        const { keys, reasons, prefix } = await openApp(t, own)
        const { details } = await keys.create({ tenantId: 'acme', name: 'key', environment: 'live' })
        await keys.update(details.id, { name: 'renamed' })
        const admin = await openAdmin(t, own.url)
        const rows = async () =>
          ((await admin('HKEYS', `{${prefix}}:fleet`)) as string[]).filter((name) => name.startsWith('info:'))
        await admin('HDEL', `{${prefix}}:fleet`, ...(await rows()))
        await until(() => reasons().includes('reaped'))
        await until(async () => (await rows()).length === 1)
        await admin('REPLICAOF', '127.0.0.1', '1')
        await admin('REPLICAOF', 'NO', 'ONE')
        await until(() => reasons().includes('other-history'))
        assert.ok(!reasons().includes('empty-history'))
        await until(async () => (await rows()).length === 1)
        await admin('FLUSHALL')
        await until(() => reasons().includes('empty-history'))
        assert.equal(reasons().filter((reason) => reason === 'other-history').length, 1)
      })

      it('closes within three seconds while the server does not answer', async (t) => {
        const own = await startRedis()
        t.after(() => own.stop())
        const { app } = await openApp(t, own)
        own.pause()
        const start = performance.now()
        await app.close()
        const took = performance.now() - start
        assert.ok(took < 3_000, `${took} ms`)
      })
    })
  }
})

let prefixes = 0

function connectWith(library: string, url: string) {
  const make = CLIENTS[library]
  if (make === undefined) throw new Error(`no such client: ${library}`)
  return make(url)
}
