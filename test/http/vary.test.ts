import assert from 'node:assert/strict'
import { it } from 'node:test'
import fastify from 'fastify'
import { consoleAuth, tenantAuth } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { MapStore } from '../tenant-auth/set-up.ts'

it('an answer varies by the header of the key if a shared cache may store it', async () => {
  const keyStore = new MapStore()
  const key = keyStore.add()
  const app = fastify()
  app.get('/open', async (_request, reply) => reply.header('cache-control', 'max-age=60').send('open'))
  let headers: object = {}
  await app.register(async (api) => {
    await api.register(tenantAuth, { keyStore })
    api.get('/', async (_request, reply) => reply.headers(headers).send('in'))
    api.post('/', async () => 'in')
  })
  const HEADER = 'x-tenant-api-key'
  for (const [given, vary] of [
    [{}, HEADER], // A cache may decide to store it.
    [{ 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT', vary: 'Origin' }, `Origin, ${HEADER}`],
    [{ 'cache-control': 'max-age=60' }, HEADER],
    [{ 'cache-control': 'public, s-maxage=60', vary: 'Origin' }, `Origin, ${HEADER}`],
    [{ expires: 'Thu, 01 Jan 2100 00:00:00 GMT' }, HEADER],
    [{ 'cache-control': 'max-age=60', vary: 'X-Tenant-Api-Key' }, 'X-Tenant-Api-Key'],
    [{ 'cache-control': 'max-age=60', vary: '*' }, '*'],
    [{ 'cache-control': 'private, max-age=60' }, undefined],
    [{ 'cache-control': 'no-store' }, undefined],
    [{ 'cache-control': 'max-age=60, x-private-x' }, HEADER],
  ] as const) {
    headers = given
    const answer = await app.inject({ url: '/', headers: { [HEADER]: key } })
    assert.deepEqual([answer.statusCode, answer.headers.vary], [200, vary], JSON.stringify(given))
  }
  headers = {}
  const posted = await app.inject({ method: 'POST', url: '/', headers: { [HEADER]: key } })
  assert.deepEqual([posted.statusCode, posted.headers.vary], [200, undefined])
  assert.equal((await app.inject('/open')).headers.vary, undefined)
  await app.close()
})

it('an answer to GET and HEAD varies if caches may store its status without being told to', async (t) => {
  const keyStore = new MapStore()
  const headers = { 'x-tenant-api-key': keyStore.add() }
  const app = fastify()
  t.after(() => app.close())
  await app.register(tenantAuth, { keyStore })
  app.all('/:status', async ({ params }, reply) =>
    reply.code(Number((params as { status: string }).status)).send(),
  )
  const statuses = Array.from({ length: 400 }, (_, index) => 200 + index)
  for (const [method, expected] of [
    ['GET', [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]],
    ['HEAD', [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]],
    ['POST', []],
  ] as const) {
    const varying = []
    for (const status of statuses) {
      const answer = await app.inject({ method, url: `/${status}`, headers })
      assert.equal(answer.statusCode, status)
      if (answer.headers.vary === 'x-tenant-api-key') varying.push(status)
    }
    assert.deepEqual(varying, expected, method)
  }
})

it('an answer varies if its route has called verifyTenantKey, and no other answer does', async (t) => {
  const keyStore = new MapStore()
  const app = fastify()
  t.after(() => app.close())
  await app.register(tenantAuth, { keyStore, addHook: false })
  app.get('/in', { onRequest: app.verifyTenantKey }, async () => 'in')
  app.get('/open', async () => 'open')
  const headers = { 'x-tenant-api-key': keyStore.add() }
  assert.equal((await app.inject({ url: '/in', headers })).headers.vary, 'x-tenant-api-key')
  assert.equal((await app.inject({ url: '/open', headers })).headers.vary, undefined)
})

it('an answer to a session varies by authorization if it tells shared caches to store it', async (t) => {
  const signer = new SessionSigner()
  const { jwtKey, authorizedParties } = signer
  const app = fastify()
  t.after(() => app.close())
  await app.register(consoleAuth, { jwtKey, authorizedParties })
  app.get('/', async ({ query }, reply) => reply.headers(query as object).send('in'))
  const headers = { authorization: `Bearer ${signer.signSession()}` }
  for (const [control, vary] of [
    ['public, max-age=60', 'authorization'],
    ['s-maxage=60', 'authorization'],
    ['max-age=60, must-revalidate', 'authorization'],
    ['max-age=60', undefined],
    ['private', undefined],
  ] as const) {
    const answer = await app.inject({ url: '/', query: { 'cache-control': control }, headers })
    assert.deepEqual([answer.statusCode, answer.headers.vary], [200, vary], control)
  }
})
