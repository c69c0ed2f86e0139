/** The plugin in an app: scopes, `addHook`, `errorResponse`, events. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it } from 'node:test'
import cors from '@fastify/cors'
import fastifyAuth from '@fastify/auth'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { consoleAuth } from '../../src/console-auth/index.ts'
import byDefault from '../../src/console-auth/index.ts'
import { errorEnvelope } from '../../src/http/error-envelope.ts'
import { AuthError } from '../../src/http/errors.ts'
import type { AuthEvent } from '../../src/http/events.ts'
import { options, signer } from './console-app.ts'

const bearer = (session?: Parameters<typeof signer.signSession>[0]) => ({
  authorization: `Bearer ${signer.signSession(session)}`,
})
const admin = { orgId: 'org_1', orgRole: 'org:admin', permissions: ['org:invoices:read'] }

it('is also the default export', () => {
  assert.equal(byDefault, consoleAuth)
})

describe('the scope it is registered in', () => {
  const scoped = async () => {
    const app = fastify()
    app.get('/open', () => 'open')
    await app.register(
      async (scope) => {
        scope.get('/before', () => 'before')
        await scope.register(consoleAuth, options)
        scope.get('/after', () => 'after')
        await scope.register(async (inner) => void inner.get('/inner', () => 'inner'))
      },
      { prefix: '/console' },
    )
    return app
  }

  it('is guarded, with its child scopes and the routes declared earlier, but no other scope is', async () => {
    const app = await scoped()
    const statuses = async (headers: Record<string, string>) =>
      Promise.all(
        ['/open', '/console/before', '/console/after', '/console/inner'].map(
          async (url) => (await app.inject({ url, headers })).statusCode,
        ),
      )
    assert.deepEqual(await statuses({}), [200, 401, 401, 401])
    assert.deepEqual(await statuses(bearer()), [200, 200, 200, 200])
  })

  it('leaves unknown URLs to the app', async () => {
    const app = await scoped()
    assert.equal((await app.inject('/console/nothing')).statusCode, 404)
  })

  it('does not let a child scope register it again', async () => {
    const app = fastify()
    await app.register(consoleAuth, options)
    const again = async (scope: FastifyInstance) => {
      await scope.register(consoleAuth, options)
    }
    await assert.rejects(async () => app.register(again), {
      code: 'TENANT_AUTH_ALREADY_REGISTERED',
      message: /^consoleAuth is registered/,
    })
  })

  it('cannot register it if a descendant scope already has', async () => {
    const app = fastify()
    await app.register(async (outer) => {
      await outer.register(async (inner) => {
        await inner.register(consoleAuth, options)
      })
    })
    await assert.rejects(async () => app.register(consoleAuth, options), {
      code: 'TENANT_AUTH_ALREADY_REGISTERED',
      message: /^consoleAuth is registered/,
    })
  })

  it('has settings of its own, apart from those of its siblings', async () => {
    const app = fastify()
    for (const [prefix, allowPending] of [
      ['/a', true],
      ['/b', false],
    ] as const) {
      await app.register(
        async (scope) => {
          await scope.register(consoleAuth, { ...options, allowPending })
          scope.get('/', () => 'in')
        },
        { prefix },
      )
    }
    const headers = bearer({ status: 'pending' })
    assert.equal((await app.inject({ url: '/a', headers })).statusCode, 200)
    assert.equal((await app.inject({ url: '/b', headers })).statusCode, 401)
  })

  it('answers preflights if cors is registered first', async () => {
    const app = fastify()
    await app.register(cors, { origin: 'https://dashboard.example.com' })
    await app.register(consoleAuth, options)
    app.get('/me', () => 'me')
    const headers = { origin: 'https://dashboard.example.com', 'access-control-request-method': 'GET' }
    assert.equal((await app.inject({ method: 'OPTIONS', url: '/me', headers })).statusCode, 204)
    const refused = await app.inject({ url: '/me', headers })
    assert.equal(refused.statusCode, 401)
    assert.equal(refused.headers['access-control-allow-origin'], 'https://dashboard.example.com')
  })
})

it('does not read the body of a request that it refuses', async () => {
  const app = fastify()
  let parsed = false
  app.addContentTypeParser('text/plain', (_request, _payload, done) => {
    parsed = true
    done(null)
  })
  await app.register(consoleAuth, options)
  app.post('/', () => 'in')
  const headers = { 'content-type': 'text/plain' }
  assert.equal((await app.inject({ method: 'POST', url: '/', headers, body: 'x' })).statusCode, 401)
  assert.equal(parsed, false)
})

describe('request.consoleUser', () => {
  it('throws if nobody has been let in', async () => {
    const app = fastify()
    let caught: unknown
    app.addHook('onRequest', async (request) => {
      try {
        void request.consoleUser
      } catch (error) {
        caught = error
      }
    })
    await app.register(consoleAuth, { ...options, addHook: false })
    app.get('/', (request) => request.consoleUser.userId)
    const { statusCode } = await app.inject({ url: '/', headers: bearer() })
    assert.equal(statusCode, 500)
    assert.equal((caught as { code?: string }).code, 'TENANT_AUTH_NOT_AUTHENTICATED')
  })

  it('throws in parent, sibling and child scopes if consoleAuth has not let the request in', async () => {
    const app = fastify()
    const open = (url: string) => async (scope: FastifyInstance) => {
      scope.get(url, async (request) => request.consoleUser.userId)
    }
    await app.register(open('/before'))
    await app.register(async (scope) => {
      await scope.register(open('/below'))
      await scope.register(consoleAuth, { ...options, addHook: false })
    })
    await app.register(open('/after'))
    await open('/around')(app)
    for (const url of ['/before', '/below', '/after', '/around']) {
      const answer = await app.inject({ url, headers: bearer() })
      assert.deepEqual(
        [answer.statusCode, answer.json<{ code: string }>().code],
        [500, 'TENANT_AUTH_NOT_AUTHENTICATED'],
        url,
      )
    }
  })

  it('is available in a child scope that was created before the plugin was registered', async () => {
    const app = fastify()
    await app.register(async (below) => {
      below.get('/', async (request: FastifyRequest) => request.consoleUser.userId)
    })
    await app.register(consoleAuth, options)
    assert.equal((await app.inject({ url: '/', headers: bearer({ userId: 'user_9' }) })).body, 'user_9')
  })

  it('answers has() from the claims, features and plans included', async () => {
    const app = fastify()
    await app.register(consoleAuth, options)
    app.get('/', ({ consoleUser: { has } }) => [
      has({ role: 'org:admin' }),
      has({ role: 'org:member' }),
      has({ permission: 'org:invoices:read' }),
      has({ permission: 'org:invoices:write' }),
      has({ feature: 'invoices' }),
      has({ plan: 'gold' }),
    ])
    const headers = bearer({ ...admin, claims: { pla: 'o:gold' } })
    assert.deepEqual((await app.inject({ url: '/', headers })).json(), [true, false, true, false, true, true])
  })

  it('is frozen, since the requests of a token share it', async () => {
    const app = fastify()
    await app.register(consoleAuth, options)
    app.get('/', ({ consoleUser }) => {
      assert.throws(() => Object.assign(consoleUser, { userId: 'user_2' }), TypeError)
      assert.throws(() => Object.assign(consoleUser.sessionClaims, { sub: 'user_2' }), TypeError)
      assert.throws(() => (consoleUser.sessionClaims.nested as string[]).push('x'), TypeError)
      assert.throws(() => (consoleUser.orgPermissions as string[]).push('org:a:b'), TypeError)
      return consoleUser.userId
    })
    const { body } = await app.inject({
      url: '/',
      headers: bearer({ userId: 'user_1', claims: { nested: [1] } }),
    })
    assert.equal(body, 'user_1')
  })
})

describe('with addHook: false', () => {
  const unguarded = async () => {
    const app = fastify()
    await app.register(consoleAuth, { ...options, addHook: false })
    app.get('/open', () => 'open')
    app.get('/verified', async (request, reply) => {
      await app.verifyConsoleSession(request, reply)
      return request.consoleUser.userId
    })
    const config = { consoleAuth: { role: 'org:admin' } }
    app.get('/role', { config, preHandler: app.verifyConsoleSession }, () => 'in')
    return app
  }

  it('nothing is guarded until verifyConsoleSession is called', async () => {
    const app = await unguarded()
    assert.equal((await app.inject('/open')).statusCode, 200)
    const refused = await app.inject('/verified')
    assert.equal(refused.statusCode, 401)
    assert.equal(refused.headers['www-authenticate'], 'Bearer realm="console"')
    const headers = bearer({ userId: 'user_3' })
    assert.equal((await app.inject({ url: '/verified', headers })).body, 'user_3')
    assert.equal((await app.inject({ url: '/verified', headers })).body, 'user_3')
  })

  it('verifyConsoleSession checks what the route requires', async () => {
    const app = await unguarded()
    assert.equal((await app.inject({ url: '/role', headers: bearer() })).statusCode, 403)
    assert.equal((await app.inject({ url: '/role', headers: bearer(admin) })).statusCode, 200)
  })

  it('verifyConsoleSession throws an AuthError, which errorEnvelope answers', async () => {
    const app = await unguarded()
    app.setErrorHandler((error, request, reply) => {
      assert.ok(error instanceof AuthError)
      assert.equal(error.reason, 'missing')
      return errorEnvelope(error, request, reply)
    })
    const { statusCode, body } = await app.inject('/verified')
    assert.equal(statusCode, 401)
    assert.match(body, /"code":"AUTH_INVALID_TOKEN"/)
    assert.deepEqual(app.consoleAuth.stats().refused.missing, 1)
  })

  it('verifyConsoleSession works with @fastify/auth', async () => {
    const app = fastify()
    await app.register(fastifyAuth)
    await app.register(consoleAuth, { ...options, addHook: false })
    const other = async () => Promise.reject(new Error('no'))
    app.get(
      '/',
      { onRequest: app.auth([other, app.verifyConsoleSession]) },
      (request) => request.consoleUser.userId,
    )
    assert.equal((await app.inject({ url: '/', headers: bearer({ userId: 'user_4' }) })).body, 'user_4')
    assert.equal((await app.inject('/')).statusCode, 401)
  })
})

describe('errorResponse', () => {
  const cold = () => bearer({ expiresIn: -60 })

  it('replaces the body and keeps status and headers', async () => {
    const app = fastify()
    await app.register(consoleAuth, {
      ...options,
      errorResponse: (error, request) => ({ id: request.id, why: error.code }),
    })
    app.get('/', () => 'in')
    for (const headers of [{}, cold()]) {
      const answer = await app.inject({ url: '/', headers })
      assert.equal(answer.statusCode, 401)
      assert.match(String(answer.headers['www-authenticate']), /^Bearer realm/)
      assert.equal(answer.json<{ why: string }>().why, 'AUTH_INVALID_TOKEN')
    }
  })

  it("passes an AuthError to the app's error handler with 'throw'", async () => {
    const app = fastify()
    app.setErrorHandler((error, _request, reply) => {
      assert.ok(error instanceof AuthError)
      assert.equal(error.stack?.includes('\n'), false, 'no stack is captured')
      return reply.code(418).send(error.reason)
    })
    await app.register(consoleAuth, { ...options, errorResponse: 'throw' })
    app.get('/', () => 'in')
    const answer = await app.inject('/')
    assert.deepEqual([answer.statusCode, answer.body], [418, 'missing'])
    assert.equal((await app.inject({ url: '/', headers: cold() })).body, 'expired')
  })

  it('passes an error that it throws to the error handler', async () => {
    const app = fastify()
    await app.register(consoleAuth, {
      ...options,
      errorResponse: () => {
        throw new Error('mine')
      },
    })
    app.get('/', () => 'in')
    for (const headers of [{}, cold()]) {
      const answer = await app.inject({ url: '/', headers })
      assert.equal(answer.statusCode, 500)
      assert.equal(answer.json<{ message: string }>().message, 'mine')
    }
  })
})

for (const [name, thrown] of [
  ['an error', new Error('the log is full')],
  ['nothing', undefined],
] as const) {
  it(`lets nobody in when the logger throws ${name}, whether the token is remembered or not`, async () => {
    const app = fastify()
    app.addHook('onRequest', async (request) => {
      const info = () => {
        throw thrown
      }
      request.log = { ...request.log, error() {}, info } as never
    })
    await app.register(consoleAuth, options)
    app.get('/role', { config: { consoleAuth: { role: 'org:admin' } } }, () => 'in')
    const headers = bearer()
    for (let i = 0; i < 2; i++) {
      const answer = await app.inject({ url: '/role', headers })
      assert.equal(answer.statusCode, 403)
    }
  })
}

it('publishes who was let in, and why a request was refused', async (t) => {
  const events: unknown[] = []
  const keep = (event: unknown, name: string | symbol) => {
    if ((event as AuthEvent).plugin === 'consoleAuth') events.push([name, event])
  }
  for (const name of ['fastify-tenant-auth:accepted', 'fastify-tenant-auth:refused']) {
    subscribe(name, keep)
    t.after(() => unsubscribe(name, keep))
  }
  const app = fastify({ genReqId: () => 'req_1' })
  await app.register(consoleAuth, options)
  app.get('/', () => 'in')
  await app.inject({ url: '/', headers: bearer({ userId: 'user_5' }) })
  await app.inject('/')
  const impersonated = bearer({ userId: 'user_5', claims: { act: { sub: 'user_6' } } })
  await app.inject({ url: '/', headers: impersonated })
  assert.deepEqual(events, [
    ['fastify-tenant-auth:accepted', { plugin: 'consoleAuth', requestId: 'req_1', userId: 'user_5' }],
    ['fastify-tenant-auth:refused', { plugin: 'consoleAuth', requestId: 'req_1', reason: 'missing' }],
    [
      'fastify-tenant-auth:accepted',
      { plugin: 'consoleAuth', requestId: 'req_1', userId: 'user_5', actorId: 'user_6' },
    ],
  ])
})
