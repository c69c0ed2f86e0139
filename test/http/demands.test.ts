/** Requirements of routes that no guard checks, and credentials that cannot meet a requirement. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastifyAuth from '@fastify/auth'
import fastify, {
  type FastifyInstance,
  type FastifyContextConfig,
  type onRequestAsyncHookHandler,
} from 'fastify'
import { consoleAuth, errorEnvelope, tenantAuth } from '../../src/index.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { MapStore } from '../tenant-auth/set-up.ts'

const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer
const keyStore = new MapStore()
const SCOPES: FastifyContextConfig = { tenantAuth: { scopes: ['read'] } }
const ROLE: FastifyContextConfig = { consoleAuth: { role: 'org:admin' } }

const plugins = {
  tenantAuth: (app: FastifyInstance, options: { addHook?: boolean } = {}) =>
    void app.register(tenantAuth, { keyStore, ...options }),
  consoleAuth: (app: FastifyInstance, options: { addHook?: boolean } = {}) =>
    void app.register(consoleAuth, { jwtKey, authorizedParties, ...options }),
}
type Build = (
  app: FastifyInstance,
  guard: (app: FastifyInstance, options?: object) => void,
  config: FastifyContextConfig,
) => void

const route = (app: FastifyInstance, config: FastifyContextConfig, options: object = {}) =>
  void app.get('/', { ...options, config }, async () => 'in')

describe('a route requirement', () => {
  const unguarded: [string, Build][] = [
    ['without the plugin', (app, _guard, config) => route(app, config)],
    [
      'in a sibling of the guarded scope, later',
      (app, guard, config) => {
        app.register(async (guarded) => guard(guarded))
        app.register(async (sibling) => route(sibling, config))
      },
    ],
    [
      'in a sibling of the guarded scope, earlier',
      (app, guard, config) => {
        app.register(async (sibling) => route(sibling, config))
        app.register(async (guarded) => guard(guarded))
      },
    ],
    [
      'in a parent of the guarded scope',
      (app, guard, config) => {
        route(app, config)
        app.register(async (guarded) => guard(guarded))
      },
    ],
    [
      'in a child scope that was created before the plugin was registered',
      (app, guard, config) => {
        app.register(async (below) => route(below, config))
        guard(app)
      },
    ],
    [
      'with addHook: false and no hook that could call the check',
      (app, guard, config) => {
        guard(app, { addHook: false })
        route(app, config)
      },
    ],
    [
      'with addHook: false and a check in the handler, which is too late',
      (app, guard, config) => {
        guard(app, { addHook: false })
        app.get('/', { config }, async (request, reply) => app.verifyTenantKey(request, reply))
      },
    ],
  ]
  for (const [where, build] of unguarded) {
    for (const [kind, config] of [
      ['tenantAuth', SCOPES],
      ['consoleAuth', ROLE],
    ] as const) {
      it(`keeps the app from starting ${where} (${kind})`, async () => {
        const app = fastify()
        build(app, plugins[kind], config)
        await assert.rejects(async () => app.ready(), {
          code: 'TENANT_AUTH_BAD_OPTION',
          message: new RegExp(`^config\\.${kind} of route (GET|HEAD) / is not checked by any guard: `),
        })
      })
    }
  }

  const guarded: [string, Build][] = [
    [
      'in the scope, before and after the plugin',
      (app, guard, config) => {
        app.get('/before', { config }, async () => 'in')
        guard(app)
        app.after(() => route(app, config))
      },
    ],
    [
      'in a descendant of the scope',
      (app, guard, config) => {
        guard(app)
        app.register(async (below) => void below.register(async (deep) => route(deep, config)))
      },
    ],
    [
      'with addHook: false and a hook of the route',
      (app, guard, config) => {
        guard(app, { addHook: false })
        route(app, config, { preHandler: async () => {} })
      },
    ],
    [
      'with addHook: false and a hook of the scope',
      (app, guard, config) => {
        guard(app, { addHook: false })
        app.addHook('onRequest', async () => {})
        route(app, config)
      },
    ],
  ]
  for (const [where, build] of guarded) {
    it(`lets the app start ${where}`, async () => {
      const app = fastify()
      build(app, plugins.tenantAuth, SCOPES)
      await app.ready()
      await app.close()
    })
  }

  it('is answered 500 if the hook of the route did not call the check', async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore, addHook: false })
    route(app, SCOPES, { onRequest: async () => {} })
    const answer = await app.inject({ url: '/', headers: { 'x-tenant-api-key': keyStore.add() } })
    assert.equal(answer.statusCode, 500)
    assert.equal(answer.json<{ code: string }>().code, 'TENANT_AUTH_NOT_AUTHENTICATED')
    await app.close()
  })

  it('cannot have an eitherCredential that is not a boolean', async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore })
    route(app, { ...SCOPES, eitherCredential: 'yes' as never })
    await assert.rejects(async () => app.ready(), {
      message: /eitherCredential of route .* must be true or false/,
    })
  })
})

describe('a route that accepts either credential', () => {
  const either: onRequestAsyncHookHandler = async function (request, reply) {
    return 'x-tenant-api-key' in request.headers
      ? this.verifyTenantKey(request, reply)
      : this.verifyConsoleSession(request, reply)
  }
  const bearer = (session: object) => ({ authorization: `Bearer ${signer.signSession(session)}` })
  const credentials = {
    key: { 'x-tenant-api-key': keyStore.add() },
    'key with the scope': { 'x-tenant-api-key': keyStore.add({ scopes: ['read'] }) },
    user: bearer({}),
    admin: bearer({ orgId: 'org_1', orgRole: 'org:admin' }),
  }
  const cases: [string, FastifyContextConfig, Record<keyof typeof credentials, number>][] = [
    ['no requirement', {}, { key: 200, 'key with the scope': 200, user: 200, admin: 200 }],
    ['scopes', SCOPES, { key: 403, 'key with the scope': 200, user: 403, admin: 403 }],
    ['a role', ROLE, { key: 403, 'key with the scope': 403, user: 403, admin: 200 }],
    ['both', { ...SCOPES, ...ROLE }, { key: 403, 'key with the scope': 403, user: 403, admin: 403 }],
    [
      'both and eitherCredential',
      { ...SCOPES, ...ROLE, eitherCredential: true },
      { key: 403, 'key with the scope': 200, user: 403, admin: 200 },
    ],
    [
      'a role and eitherCredential',
      { ...ROLE, eitherCredential: true },
      { key: 200, 'key with the scope': 200, user: 403, admin: 200 },
    ],
  ]
  for (const [what, config, expected] of cases) {
    for (const hook of ['onRequest', 'preHandler', 'of the scope'] as const) {
      it(`applies ${what}, checked in the hook ${hook}`, async () => {
        const app = fastify()
        app.setErrorHandler(errorEnvelope)
        await app.register(tenantAuth, { keyStore, addHook: false })
        await app.register(consoleAuth, { jwtKey, authorizedParties, addHook: false })
        if (hook === 'of the scope') app.addHook('onRequest', either)
        route(app, config, hook === 'of the scope' ? {} : { [hook]: either })
        const seen: Record<string, number> = {}
        for (const [who, headers] of Object.entries(credentials)) {
          seen[who] = (await app.inject({ url: '/', headers })).statusCode
        }
        assert.deepEqual(seen, expected)
        assert.equal((await app.inject('/')).statusCode, 401)
        await app.close()
      })
    }
  }

  it('needs both in one request if @fastify/auth requires both, or the scope has both guards', async () => {
    const headers = { ...credentials['key with the scope'], ...credentials.admin }
    for (const how of ['@fastify/auth', 'guards'] as const) {
      const app = fastify()
      const addHook = how === 'guards'
      await app.register(fastifyAuth)
      await app.register(tenantAuth, { keyStore, addHook })
      await app.register(consoleAuth, { jwtKey, authorizedParties, addHook })
      const onRequest = app.auth([app.verifyTenantKey, app.verifyConsoleSession], { relation: 'and' })
      route(app, { ...SCOPES, ...ROLE }, addHook ? {} : { onRequest })
      assert.equal((await app.inject({ url: '/', headers })).statusCode, 200)
      for (const one of Object.values(credentials)) {
        assert.notEqual((await app.inject({ url: '/', headers: one })).statusCode, 200)
      }
      await app.close()
    }
  })

  it('logs and counts who was refused', async () => {
    const app = fastify()
    await app.register(tenantAuth, { keyStore, addHook: false })
    await app.register(consoleAuth, { jwtKey, authorizedParties, addHook: false })
    app.addHook('onRequest', either)
    app.get('/role', { config: ROLE }, async () => 'in')
    app.get('/scopes', { config: SCOPES }, async () => 'in')
    await app.inject({ url: '/role', headers: credentials.key })
    await app.inject({ url: '/scopes', headers: credentials.admin })
    assert.equal(app.tenantAuth.stats().refused.other_credential, 1)
    assert.equal(app.consoleAuth.stats().refused.other_credential, 1)
    await app.close()
  })
})

describe('a misspelt or misplaced requirement', () => {
  const scopes = { scopes: ['read'] }
  const odd: [string, object, object?][] = [
    ...[
      'tenantauth',
      'tenant_auth',
      'TenantAuth',
      'tenantAuht',
      'tenantAuths',
      'consoleauth',
      'consolAuth',
    ].map((name): [string, object] => [`config.${name}`, { [name]: scopes }]),
    ['config.eithercredential', { eithercredential: true }],
    ['tenantAuth beside config', {}, { tenantAuth: scopes }],
    ['consoleAuth beside config', {}, { consoleAuth: { role: 'org:admin' } }],
    ['config.tenantAuth in the prototype', Object.create(SCOPES) as object],
    [
      'config.tenantAuth of a class',
      new (class {
        get tenantAuth() {
          return scopes
        }
      })(),
    ],
  ]
  for (const [what, config, options] of odd) {
    it(`keeps the app from starting: ${what}`, async () => {
      for (const guarded of [true, false]) {
        const app = fastify()
        app.register(async (api) => {
          if (guarded) plugins.tenantAuth(api)
          route(api, config, options)
        })
        await assert.rejects(async () => app.ready(), { code: 'TENANT_AUTH_BAD_OPTION' })
        await app.close()
      }
    })
  }

  it('is not suspected in unrelated config', async () => {
    const app = fastify()
    plugins.tenantAuth(app)
    const config = { tenant: 1, auth: 1, tenantPath: 1, console: 1, credential: 1, rateLimit: { max: 1 } }
    app.register(async (api) => route(api, config))
    await app.ready()
    await app.close()
  })

  it('keeps the app from starting if an onRoute hook added it and no guard checks requests', async () => {
    const cases: [demand: FastifyContextConfig, guard: object | null, starts: boolean][] = [
      [SCOPES, null, false],
      [SCOPES, { addHook: false }, false],
      [SCOPES, {}, true],
      [ROLE, {}, false],
    ]
    for (const [demand, guard, starts] of cases) {
      const app = fastify()
      app.addHook('onRoute', (options) => void (options.config = { ...options.config, ...demand }))
      app.register(async (api) => {
        if (guard) plugins.tenantAuth(api, guard)
        api.addHook('onRequest', async () => {})
        route(api, {})
      })
      if (starts) {
        const answer = await app.inject({ url: '/', headers: { 'x-tenant-api-key': keyStore.add() } })
        assert.equal(answer.statusCode, 403)
      } else await assert.rejects(async () => app.ready(), { code: 'TENANT_AUTH_BAD_OPTION' })
      await app.close()
    }
  })
})
