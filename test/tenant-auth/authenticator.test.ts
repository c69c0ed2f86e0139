/** What the connection of a request changes: a key that it remembers stays in memory, like any other that is in use. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { hashKey } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'

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
  const seen: [FastifyRequest, FastifyReply][] = []
  app.get('/', async (request, reply) => {
    seen.push([request, reply])
    return {}
  })
  await app.inject({ url: '/', headers: { 'x-tenant-api-key': hot } })
  const [request, reply] = seen[0] ?? assert.fail()
  const send = async (socket: object, key: string) => {
    Object.defineProperty(request.raw, 'socket', { value: socket, configurable: true })
    request.raw.headers['x-tenant-api-key'] = key
    await app.verifyTenantKey(request, reply)
  }

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
