import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastifyAuth from '@fastify/auth'
import cors from '@fastify/cors'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { consoleAuth, errorEnvelope, tenantAuth } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { MapStore, setUp } from './set-up.ts'

describe('scopes of an app', () => {
  it('are public or guarded by where the plugin is registered', async () => {
    const { app } = await setUp()
    app.get('/health', async () => 'ok')
    assert.equal((await app.inject('/health')).body, 'ok')
    assert.equal((await app.inject('/')).statusCode, 401)
    await app.close()
  })

  it('inside a guarded one are guarded too, with their HEAD and OPTIONS routes', async () => {
    const { app, store } = await setUp(
      {},
      {
        routes: (api) => {
          api.options('/', async () => 'options')
          void api.register(async (inner) => void inner.get('/inner', async (request) => request.tenant.id))
        },
      },
    )
    const headers = { 'x-tenant-api-key': store.add() }
    assert.equal((await app.inject({ url: '/inner', headers })).body, 'ten_1')
    for (const [method, url] of [
      ['GET', '/inner'],
      ['HEAD', '/'],
      ['OPTIONS', '/'],
    ] as const) {
      assert.equal((await app.inject({ method, url })).statusCode, 401)
    }
    await app.close()
  })

  it('cannot register the plugin if a parent scope has registered it', async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore: new MapStore() })
    await assert.rejects(
      async () => {
        await app.register(async (inner) => {
          await inner.register(tenantAuth, { keyStore: new MapStore() })
        })
      },
      { code: 'TENANT_AUTH_ALREADY_REGISTERED', message: /register it once/ },
    )
  })

  it('cannot register the plugin if a descendant scope has registered it', async () => {
    const app = fastify()
    await app.register(async (outer) => {
      await outer.register(async (inner) => {
        await inner.register(tenantAuth, { keyStore: new MapStore() })
      })
    })
    await assert.rejects(
      async () => {
        await app.register(tenantAuth, { keyStore: new MapStore() })
      },
      { code: 'TENANT_AUTH_ALREADY_REGISTERED', message: /or in one around or below it/ },
    )
  })

  it('have their own stores and counters if they are siblings', async () => {
    const app = fastify()
    const stores = [new MapStore(), new MapStore()]
    const keys = stores.map((store, i) => store.add({ id: `key_${i}`, tenant: { id: `ten_${i}` } }))
    for (const [i, keyStore] of stores.entries()) {
      await app.register(
        async (api) => {
          await api.register(tenantAuth, { keyStore })
          api.get('/', async (request) => ({
            id: request.tenant.id,
            accepted: api.tenantAuth.stats().accepted,
          }))
        },
        { prefix: `/${i}` },
      )
    }
    for (const i of [0, 1]) {
      const own = await app.inject({ url: `/${i}`, headers: { 'x-tenant-api-key': keys[i] } })
      assert.deepEqual(own.json(), { id: `ten_${i}`, accepted: 1 })
      const other = await app.inject({ url: `/${i}`, headers: { 'x-tenant-api-key': keys[1 - i] } })
      assert.equal(other.statusCode, 401)
    }
    await app.close()
  })

  it('let a preflight request through if @fastify/cors is registered in a parent', async () => {
    const app = fastify()
    await app.register(cors, { origin: 'https://dashboard.example.com' })
    await app.register(async (api) => {
      await api.register(tenantAuth, { keyStore: new MapStore() })
      api.post('/', async () => 'in')
    })
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: '/',
      headers: { origin: 'https://dashboard.example.com', 'access-control-request-method': 'POST' },
    })
    assert.equal(preflight.statusCode, 204)
    const refused = await app.inject({
      method: 'POST',
      url: '/',
      headers: { origin: 'https://dashboard.example.com' },
    })
    assert.equal(refused.statusCode, 401)
    assert.equal(refused.headers['access-control-allow-origin'], 'https://dashboard.example.com')
    await app.close()
  })

  it('guard their own not-found handler', async () => {
    const app = fastify()
    const keyStore = new MapStore()
    await app.register(
      async (api) => {
        await api.register(tenantAuth, { keyStore })
        api.setNotFoundHandler(errorEnvelope)
        api.get('/', async () => 'in')
      },
      { prefix: '/v1' },
    )
    assert.equal((await app.inject('/v1/nowhere')).statusCode, 401)
    const known = await app.inject({ url: '/v1/nowhere', headers: { 'x-tenant-api-key': keyStore.add() } })
    assert.equal(known.statusCode, 404)
    await app.close()
  })
})

describe('a request that tenantAuth has not let in', () => {
  const read = (name: 'tenant' | 'tenantKey') => async (request: FastifyRequest) => request[name].id
  async function assertThrows(app: FastifyInstance, urls: readonly string[]) {
    for (const url of urls) {
      const answer = await app.inject(url)
      assert.deepEqual([answer.statusCode, answer.json().code], [500, 'TENANT_AUTH_NOT_AUTHENTICATED'], url)
    }
    await app.close()
  }

  it('throws a coded error when its tenant or tenantKey is read, and never returns undefined', async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore: new MapStore(), addHook: false })
    app.get('/tenant', read('tenant'))
    app.get('/key', read('tenantKey'))
    await assertThrows(app, ['/tenant', '/key'])
  })

  it('throws in parent, sibling and child scopes too, whether created before or after', async () => {
    const app = fastify()
    const open = (url: string) => async (scope: FastifyInstance) => {
      scope.get(`${url}/tenant`, read('tenant'))
      scope.get(`${url}/key`, read('tenantKey'))
    }
    await app.register(open('/before'))
    await app.register(async (api) => {
      await api.register(open('/below'))
      await api.register(tenantAuth, { keyStore: new MapStore(), addHook: false })
    })
    await app.register(open('/after'))
    await open('/around')(app)
    const urls = ['/before', '/below', '/after', '/around']
    await assertThrows(
      app,
      urls.flatMap((url) => [`${url}/tenant`, `${url}/key`]),
    )
  })

  it('can have a property of the same name in another scope', async () => {
    const app = fastify()
    await app.register(async (api) => {
      await api.register(tenantAuth, { keyStore: new MapStore() })
    })
    await app.register(async (other) => {
      other.decorateRequest('tenant', null as never)
      other.addHook('onRequest', async (request) => {
        Object.assign(request, { tenant: { id: 'of its own' } })
      })
      other.get('/', read('tenant'))
    })
    assert.equal((await app.inject('/')).body, 'of its own')
    await app.close()
  })
})

describe('app.verifyTenantKey', () => {
  async function either() {
    const signer = new SessionSigner()
    const keyStore = new MapStore()
    const app = fastify()
    app.setErrorHandler(errorEnvelope)
    await app.register(fastifyAuth)
    await app.register(tenantAuth, { keyStore, addHook: false })
    await app.register(consoleAuth, {
      jwtKey: signer.jwtKey,
      authorizedParties: signer.authorizedParties,
      addHook: false,
    })
    app.get('/', { onRequest: app.auth([app.verifyTenantKey, app.verifyConsoleSession]) }, async () => 'in')
    app.get(
      '/scoped',
      { onRequest: app.auth([app.verifyTenantKey]), config: { tenantAuth: { scopes: ['read'] } } },
      async () => 'in',
    )
    return { app, keyStore, signer }
  }

  it('works with @fastify/auth on a route that accepts a key or a session', async () => {
    const { app, keyStore, signer } = await either()
    const byKey = await app.inject({ url: '/', headers: { 'x-tenant-api-key': keyStore.add() } })
    assert.equal(byKey.statusCode, 200)
    const bySession = await app.inject({
      url: '/',
      headers: { authorization: `Bearer ${signer.signSession()}` },
    })
    assert.equal(bySession.statusCode, 200)
    const byNothing = await app.inject('/')
    assert.equal(byNothing.statusCode, 401)
    await app.close()
  })

  it('accepts neither a key as a session nor a session token as a key', async () => {
    const { app, keyStore, signer } = await either()
    for (const headers of [
      { authorization: `Bearer ${keyStore.add()}` },
      { 'x-tenant-api-key': signer.signSession() },
    ]) {
      assert.equal((await app.inject({ url: '/', headers })).statusCode, 401)
    }
    await app.close()
  })

  it('throws an AuthError with status, code and headers, and checks the scopes of the route', async () => {
    const { app, keyStore } = await either()
    const missing = await app.inject('/scoped')
    assert.equal(missing.headers['www-authenticate'], 'ApiKey header="x-tenant-api-key"')
    assert.equal(missing.json().error.code, 'AUTH_INVALID_KEY')
    const lacking = await app.inject({ url: '/scoped', headers: { 'x-tenant-api-key': keyStore.add() } })
    assert.equal(lacking.statusCode, 403)
    const having = await app.inject({
      url: '/scoped',
      headers: { 'x-tenant-api-key': keyStore.add({ scopes: ['read'] }) },
    })
    assert.equal(having.statusCode, 200)
    assert.equal(app.tenantAuth.stats().refused.scope, 1)
    await app.close()
  })
})
