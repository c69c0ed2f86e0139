/** Who a request comes from: outside handlers, under other names, and in an app that has such names. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { consoleAuth, getConsoleUser, getTenant, getTenantKey, tenantAuth } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { listen, LogLines, MapStore } from './set-up.ts'

const { jwtKey, authorizedParties } = new SessionSigner()

const who = (request: FastifyRequest) => [
  getTenant(request)?.id ?? null,
  getTenantKey(request)?.id ?? null,
  getConsoleUser(request)?.userId ?? null,
]

it('getTenant and the like return null outside handlers, unless somebody was let in', async () => {
  const log = new LogLines()
  const told: unknown[][] = []
  const serializers = {
    res: (reply: FastifyReply) => ({ who: 'request' in reply ? who(reply.request) : null }),
  }
  const app = fastify({ logger: { stream: log.stream, serializers } as never })
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.on('finish', () => told.push([request.url, 'finish', ...who(request)]))
  })
  app.addHook('onSend', async (request) => void told.push([request.url, 'onSend', ...who(request)]))
  app.addHook('onResponse', async (request) => void told.push([request.url, 'onResponse', ...who(request)]))
  app.get('/open', async () => 'open')
  const keyStore = new MapStore()
  await app.register(async (api) => {
    await api.register(tenantAuth, { keyStore })
    api.get('/key', async () => 'in')
  })
  await app.register(async (dashboard) => {
    await dashboard.register(consoleAuth, { jwtKey, authorizedParties })
    dashboard.get('/user', async () => 'in')
  })
  const port = await listen(app)
  const ask = async (path: string, headers = {}) =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status
  assert.deepEqual(
    [await ask('/open'), await ask('/favicon.ico'), await ask('/key'), await ask('/user')],
    [200, 404, 401, 401],
  )
  assert.equal(await ask('/key', { 'x-tenant-api-key': keyStore.add({ id: 'key_7' }) }), 200)
  await app.close()
  for (const [url, , ...whose] of told) {
    const known = url === '/key' && whose[0] !== null
    assert.deepEqual(whose, known ? ['ten_1', 'key_7', null] : [null, null, null], String(url))
  }
  assert.equal(told.length, 5 * 3)
  assert.deepEqual(
    log.lines.flatMap(({ res }) => (res === undefined ? [] : [(res as { who: unknown[] }).who[0]])),
    [null, null, null, null, 'ten_1'],
  )
  assert.deepEqual(
    [getTenant(undefined), getTenantKey(undefined), getConsoleUser(undefined)],
    [null, null, null],
  )
})

it('the error of a property that throws suggests its getter', async () => {
  const app = fastify()
  await app.register(tenantAuth, { keyStore: new MapStore(), addHook: false })
  app.get('/tenant', async (request) => request.tenant)
  app.get('/tenantKey', async (request) => request.tenantKey)
  for (const [url, getter] of [
    ['/tenant', 'getTenant'],
    ['/tenantKey', 'getTenantKey'],
  ] as const) {
    const { message } = (await app.inject(url)).json<{ message: string }>()
    assert.ok(message.endsWith(`use ${getter}(request), which returns null there`), message)
  }
  await app.close()
})

describe('other names of the properties', () => {
  it('can be set, so that an app keeps its own properties', async () => {
    const app = fastify()
    app.decorateRequest('tenant' as never, 'its own' as never)
    const keyStore = new MapStore()
    await app.register(tenantAuth, { keyStore, decorators: { tenant: 'apiTenant', tenantKey: 'apiKey' } })
    app.get('/', async (request) => {
      const { tenant, apiTenant, apiKey } = request as unknown as Record<string, { id: string }>
      return [tenant, apiTenant?.id, apiKey?.id, getTenant(request)?.id]
    })
    const answer = await app.inject({
      url: '/',
      headers: { 'x-tenant-api-key': keyStore.add({ id: 'key_1' }) },
    })
    assert.deepEqual(answer.json(), ['its own', 'ten_1', 'key_1', 'ten_1'])
    await app.close()
  })

  for (const [what, value] of [
    ['a value', 'its own'],
    ['a function', () => 'its own'],
    ['a getter', { getter: () => 'its own' }],
  ] as const) {
    for (const name of ['tenant', 'tenantKey'] as const) {
      it(`are required if the app has ${what} named ${name}`, async () => {
        const app = fastify()
        app.decorateRequest(name as never, value as never)
        await assert.rejects(
          async () => {
            await app.register(async (api) => {
              await api.register(tenantAuth, { keyStore: new MapStore() })
            })
          },
          {
            code: 'TENANT_AUTH_BAD_OPTION',
            message: `decorators.${name} must be another name, because this app already decorates requests with "${name}"`,
          },
        )
      })
    }
  }

  for (const decorators of [{ tenant: '' }, { tenant: 'a b' }, { tenantKey: 7 }, { tennant: 'x' }, 'x']) {
    it(`are checked: ${JSON.stringify(decorators)}`, async () => {
      const app = fastify()
      await assert.rejects(
        async () => {
          await app.register(tenantAuth, { keyStore: new MapStore(), decorators: decorators as never })
        },
        { code: 'TENANT_AUTH_BAD_OPTION', message: /decorators/ },
      )
    })
  }
})
