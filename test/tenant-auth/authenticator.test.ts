/** What the connection of a request changes: a key that it repeats is not hashed again, and stays in memory. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { hashKey } from '../../src/keys/key-format.ts'
import { sha512KeyHash } from '../../src/keys/key-hash.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'

/** Sends a good key once. @returns a function that checks a key as if a connection had sent it */
async function sender(app: FastifyInstance, key: string) {
  const seen: [FastifyRequest, FastifyReply][] = []
  app.get('/', async (request, reply) => {
    seen.push([request, reply])
    return {}
  })
  await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })
  const [request, reply] = seen[0] ?? assert.fail()
  return async (socket: object, key: string) => {
    Object.defineProperty(request.raw, 'socket', { value: socket, configurable: true })
    request.raw.headers['x-tenant-api-key'] = key
    await app.verifyTenantKey(request, reply)
  }
}

it('a key that a connection repeats is hashed no more, until it sends another', async (t) => {
  const hashed: string[] = []
  const keyHash = (key: string) => {
    hashed.push(key)
    return sha512KeyHash(key)
  }
  const keyStore = new MemoryKeyStore({ keyHash })
  const keys = new KeyManager(keyStore)
  const { tenant } = await keys.createTenant({ name: 'Acme' })
  const make = async () =>
    (await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })).key
  const [key, other] = [await make(), await make()]
  const app = fastify()
  t.after(() => app.close())
  await app.register(tenantAuth, { keyStore })
  const send = await sender(app, key)
  await send({}, other)

  const [one, two] = [{}, {}]
  hashed.length = 0
  for (const socket of [one, one, one, two, two]) await send(socket, key)
  assert.deepEqual(hashed, [key, key])
  hashed.length = 0
  for (const sent of [key, other, other, key, key]) await send(one, sent)
  assert.deepEqual(hashed, [other, key])
})

it('a key that only one connection uses is not pushed out by those of others', async (t) => {
  const keyStore = new MemoryKeyStore()
  const keys = new KeyManager(keyStore)
  const { tenant } = await keys.createTenant({ name: 'Acme' })
  const make = async () =>
    (await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })).key
  const [hot, ...others] = await Promise.all(Array.from({ length: 5 }, make))
  assert.ok(hot)
  const { mock } = t.mock.method(keyStore, 'findByHash')

  const app = fastify()
  t.after(() => app.close())
  await app.register(tenantAuth, { keyStore, cache: { max: 2 } })
  const send = await sender(app, hot)

  let now = performance.now()
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const [own, shared] = [{}, {}]
  for (let i = 0; i < 40; i++) {
    now += 250
    t.mock.timers.tick(250)
    await send(own, hot)
    if (i % 4 === 0) await send(shared, others[(i / 4) % others.length] ?? '')
  }
  const lookUps = mock.calls.filter((call) => call.arguments[0] === hashKey(hot)).length
  assert.equal(lookUps, 1)
  assert.ok(app.tenantAuth.stats().evictions >= 8)
})
