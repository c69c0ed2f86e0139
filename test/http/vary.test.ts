import assert from 'node:assert/strict'
import { it } from 'node:test'
import fastify from 'fastify'
import { tenantAuth } from '../../src/index.ts'
import { MapStore } from '../tenant-auth/set-up.ts'

it('an answer that a shared cache may keep varies by the header of the key, and no other one', async () => {
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
    [{}, HEADER], // Kept by a cache's own judgement.
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
