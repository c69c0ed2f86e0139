import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { consoleAuth } from '../../src/console-auth/index.ts'
import { securitySchemes } from '../../src/http/openapi.ts'
import { keyRoutes } from '../../src/key-routes/index.ts'
import { KeyManager } from '../../src/keys/index.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { ADMIN_OF_A, consoleApp, signer } from './console-app.ts'

interface Answered {
  key?: string
  details: { id: string; name: string; status: string }
}

const CREATE = { method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } } as const

/** Changes that an app may make to all of its routes. */
const APPS: Record<string, (app: FastifyInstance) => void> = {
  'a validator, serializer and error handler': (app) => {
    app.setValidatorCompiler(() => () => ({ value: { hijacked: true } }))
    app.setSerializerCompiler(() => () => '{"hijacked":true}')
    app.setErrorHandler((_error, _request, reply) => reply.code(418).send({ hijacked: true }))
  },
  'bodies as buffers': (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  },
  'no parsers': (app) => app.removeAllContentTypeParsers(),
  'hooks that change requests and answers': (app) => {
    app.addHook('preValidation', async (request) => {
      request.body = { hijacked: true }
      Object.assign(request.query as object, { hijacked: true })
    })
    app.addHook('preHandler', async (request) => {
      if (typeof request.body === 'object' && request.body !== null)
        Object.assign(request.body, { name: 'hijacked' })
    })
    app.addHook('preSerialization', async () => ({ hijacked: true }))
  },
  'a compiler that serializes no other schemas': (app) => {
    app.setSerializerCompiler(() => {
      throw new Error('not a schema of the app')
    })
  },
  'a serializer of all replies': (app) => void app.setReplySerializer(() => '{"hijacked":true}'),
  'a serializer of each reply': (app) => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.serializer(() => '{"hijacked":true}')
    })
  },
}

describe('key routes: in any app', () => {
  for (const [what, prepare] of Object.entries(APPS)) {
    it(`work as documented with ${what}`, async (t) => {
      const { send } = await consoleApp(t, { prepare })
      const misspelt = { ...CREATE, payload: { name: 'n', environment: 'live', scopse: [] } }
      const refused = await send(ADMIN_OF_A, misspelt)
      assert.deepEqual([refused.status, refused.body.error.code], [400, 'VALIDATION_FAILED'])
      const created = await send<Answered>(ADMIN_OF_A, CREATE)
      assert.deepEqual([created.status, created.body.details.name], [201, 'n'])
      assert.equal(created.headers['content-type'], 'application/json; charset=utf-8')
      await send(ADMIN_OF_A, CREATE)
      const listed = await send<{ keys: unknown[] }>(ADMIN_OF_A, { url: '/console/keys?limit=1' })
      assert.equal(listed.body.keys.length, 1)
      const url = `/console/keys/${created.body.details.id}`
      const renamed = await send<Answered>(ADMIN_OF_A, { method: 'PATCH', url, payload: { name: 'm' } })
      assert.equal(renamed.body.details.name, 'm')
      const revoked = await send<Answered>(ADMIN_OF_A, { method: 'DELETE', url })
      assert.equal(revoked.body.details.status, 'revoked')
    })
  }

  it("are described as they are, whatever transform the app's OpenAPI document has", async (t) => {
    const { app } = await consoleApp(t, {
      prepare: async (app) => {
        const transform = () => {
          throw new Error('not a schema of the app')
        }
        await app.register(swagger, {
          openapi: { components: { securitySchemes: securitySchemes() } },
          transform,
        })
      },
    })
    await app.ready()
    assert.deepEqual(Object.keys(app.swagger().paths ?? {}), [
      '/console/keys',
      '/console/keys/{id}',
      '/console/keys/{id}/rotate',
    ])
  })

  it("leave the app's other routes their own parsers", async (t) => {
    const app = fastify()
    t.after(() => app.close())
    const { jwtKey, authorizedParties } = signer
    await app.register(consoleAuth, { jwtKey, authorizedParties, addHook: false })
    await app.register(keyRoutes, { keys: new KeyManager(new MemoryKeyStore()), scopes: 'any' })
    app.post('/other', async (request) => request.body)
    const answer = await app.inject({ method: 'POST', url: '/other', payload: { name: 'n' } })
    assert.deepEqual(answer.json(), { name: 'n' })
  })

  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'multipart/form-data',
  ]) {
    it(`rotate and revoke with content-type ${type} and no body`, async (t) => {
      const { send } = await consoleApp(t)
      const headers = { 'content-type': type }
      const { id } = (await send<Answered>(ADMIN_OF_A, CREATE)).body.details
      const rotate = { method: 'POST', url: `/console/keys/${id}/rotate`, headers } as const
      assert.equal((await send(ADMIN_OF_A, rotate)).status, 201)
      const revoke = { method: 'DELETE', url: `/console/keys/${id}`, headers } as const
      assert.equal((await send(ADMIN_OF_A, revoke)).status, 200)
      assert.equal((await send(ADMIN_OF_A, { ...revoke, payload: '{"broken' })).status, 200)
    })
  }

  it('accept a body by its content type only, and never repeat it', async (t) => {
    const { send, keys } = await consoleApp(t)
    const payload = JSON.stringify(CREATE.payload)
    for (const [type, body, status] of [
      ['Application/JSON;charset=utf-8', payload, 201],
      ['application/json', `\ufeff${payload}`, 201],
      ['application/jsonp', payload, 415],
      ['text/json', payload, 415],
      ['application/json', 'secret{', 400],
      ['application/json', '', 400],
      ['application/json', '{"__proto__":{"name":"n"},"name":"n","environment":"live"}', 400],
    ] as const) {
      const before = (await keys.list({ tenantId: 'org_a' })).keys.length
      const answer = await send(ADMIN_OF_A, { ...CREATE, payload: body, headers: { 'content-type': type } })
      assert.equal(answer.status, status, `${type} ${body}`)
      assert.doesNotMatch(answer.text, /secret/)
      assert.equal((await keys.list({ tenantId: 'org_a' })).keys.length - before, status === 201 ? 1 : 0)
    }
  })

  it('accept a query parameter only once', async (t) => {
    const { send } = await consoleApp(t)
    for (const query of [
      'limit=1&limit=2',
      'limit=1&limit=1',
      'limit[]=1',
      'limit=%31%30%31',
      'limit=1?x',
      '?limit=1',
    ]) {
      assert.equal((await send(ADMIN_OF_A, { url: `/console/keys?${query}` })).status, 400, query)
    }
    assert.equal((await send(ADMIN_OF_A, { url: '/console/keys?limit=%31' })).status, 200)
  })
})
