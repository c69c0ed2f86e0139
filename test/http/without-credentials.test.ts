import assert from 'node:assert/strict'
import { it } from 'node:test'
import proxy from '@fastify/http-proxy'
import fastify, { type FastifyInstance } from 'fastify'
import { consoleAuth, tenantAuth, withoutCredentials } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { MapStore } from '../tenant-auth/set-up.ts'

const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer
const keyStore = new MapStore()
const key = keyStore.add()
const authorization = `Bearer ${signer.signSession()}`

for (const [what, guard, names, sent, upstreamHas] of [
  ['tenantAuth', (app) => app.register(tenantAuth, { keyStore }), [], { 'x-tenant-api-key': key }, {}],
  [
    'tenantAuth with a custom header',
    (app) => app.register(tenantAuth, { keyStore, header: 'x-key' }),
    ['X-Key'],
    { 'x-key': key, authorization: 'Basic upstream' },
    { authorization: 'Basic upstream' },
  ],
  [
    'consoleAuth',
    (app) => app.register(consoleAuth, { jwtKey, authorizedParties }),
    [],
    { authorization },
    {},
  ],
] as [string, (app: FastifyInstance) => unknown, string[], Record<string, string>, object][]) {
  it(`a proxy behind ${what} does not forward the credential`, async (t) => {
    const upstream = fastify()
    upstream.post('/:part', async ({ headers, body }) => ({ headers, body }))
    const address = await upstream.listen({ host: '127.0.0.1', port: 0 })
    const app = fastify()
    t.after(() => Promise.all([app.close(), upstream.close()]))
    await guard(app)
    await app.register(proxy, {
      upstream: address,
      replyOptions: { rewriteRequestHeaders: withoutCredentials(...names) },
    })
    const headers = { ...sent, 'x-request-id': 'r1' }
    const request = { method: 'POST', url: '/items', payload: { a: 1 } } as const
    assert.equal((await app.inject(request)).statusCode, 401)
    const answer = await app.inject({ ...request, headers })
    assert.equal(answer.statusCode, 200)
    const seen = answer.json<{ headers: Record<string, string>; body: unknown }>()
    assert.deepEqual(seen.body, { a: 1 })
    const { 'x-request-id': id, ...others } = seen.headers
    assert.equal(id, 'r1')
    const credentials = Object.fromEntries(Object.entries(others).filter(([name]) => name in sent))
    assert.deepEqual(credentials, upstreamHas)
    assert.ok(Object.values(seen.headers).every((value) => ![key, authorization].includes(value)))
  })
}
