import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { Type } from '@sinclair/typebox'
import fastify, { type FastifyInstance, type FastifySchema } from 'fastify'
import { consoleAuth } from '../../../src/console-auth/index.ts'
import { ErrorResponse } from '../../../src/http/error-response.ts'
import { securitySchemes } from '../../../src/http/openapi.ts'
import { MemoryKeyStore } from '../../../src/stores/memory.ts'
import { tenantAuth, type TenantAuthOptions } from '../../../src/tenant-auth/index.ts'
import { SessionSigner } from '../../../src/testing/index.ts'

const keyStore = new MemoryKeyStore()
const signer = new SessionSigner()
const session = { jwtKey: signer.jwtKey, authorizedParties: signer.authorizedParties }
const openapi = (version: string) => ({
  openapi: {
    openapi: version,
    info: { title: 'Test', version: '1' },
    components: { securitySchemes: { ...securitySchemes(), ...securitySchemes('x-other-key') } },
  },
})

interface Operation {
  security?: object[]
  description?: string
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
}
interface Document {
  components: { securitySchemes?: Record<string, object> }
  securityDefinitions?: Record<string, object>
  paths: Record<string, Record<string, Operation>>
}

/** Returns the app that `define` sets up, and its document, which must be valid. */
async function documentOf(
  test: TestContext,
  options: FastifyDynamicSwaggerOptions | null,
  define: (app: FastifyInstance) => Promise<void>,
): Promise<{ app: FastifyInstance; document: Document }> {
  const app = fastify()
  test.after(() => app.close())
  if (options !== null) await app.register(swagger, options)
  await define(app)
  await app.ready()
  if (options === null) return { app, document: { components: {}, paths: {} } }
  const document = app.swagger()
  await SwaggerParser.validate(structuredClone(document) as never)
  return { app, document: document as unknown as Document }
}

/** A guarded scope with a route that requires scopes and one that does not, and an open route outside. */
function tenantRoutes(options: Partial<TenantAuthOptions> = {}) {
  return async (app: FastifyInstance) => {
    app.get('/open', async () => 'open')
    await app.register(async (api) => {
      await api.register(tenantAuth, { keyStore, ...options })
      api.get('/usage', { config: { tenantAuth: { scopes: ['usage:read'] } } }, async () => ({}))
      api.post('/start', async () => ({}))
    })
  }
}

describe('OpenAPI: a guarded route', () => {
  for (const version of ['3.0.3', '3.1.0']) {
    it(`refers to its security scheme in OpenAPI ${version}, and an open one to none`, async (t) => {
      const { document } = await documentOf(t, openapi(version), tenantRoutes())
      assert.deepEqual(document.paths['/start']?.post?.security, [{ tenantApiKey: [] }])
      assert.equal(document.paths['/open']?.get?.security, undefined)
      assert.deepEqual(Object.keys(document.paths), ['/open', '/usage', '/start'])
    })
  }

  it('names its scopes in a description, since only OAuth 2 schemes have a field for them', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), tenantRoutes())
    const usage = document.paths['/usage']?.get
    assert.deepEqual(usage?.security, [{ tenantApiKey: [] }])
    assert.match(usage?.responses['403']?.description ?? '', /Required: usage:read$/)
  })

  it('that requires nothing but the credential says so', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      await tenantRoutes()(app)
      await app.register(async (dashboard) => {
        await dashboard.register(consoleAuth, session)
        dashboard.get('/me', async () => ({}))
      })
    })
    const told = [document.paths['/start']?.post, document.paths['/me']?.get].map(
      (operation) => operation?.responses['403']?.description,
    )
    assert.deepEqual(told, [
      'The API key does not have the required scope, or its tenant is suspended',
      'The signed-in user does not have the required role or permission',
    ])
  })

  it('has 401, 403 and 503 with the envelope, beside its own responses', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), tenantRoutes())
    const responses = document.paths['/start']?.post?.responses ?? {}
    assert.deepEqual(Object.keys(responses), ['200', '401', '403', '503'])
    for (const status of ['401', '403', '503']) {
      const schema = responses[status]?.content?.['application/json']?.schema as {
        required: string[]
        title: string
      }
      assert.deepEqual([schema.title, schema.required], ['ErrorResponse', ['request_id', 'error']])
    }
  })

  it('keeps the responses and the security that it declares itself', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      await app.register(tenantAuth, { keyStore })
      const own = { ...Type.Object({ why: Type.String() }), description: 'of the app' }
      app.get(
        '/own',
        { schema: { response: { 200: Type.String(), 401: own }, security: [] } },
        async () => 'x',
      )
    })
    const operation = document.paths['/own']?.get
    assert.equal(operation?.responses['401']?.description, 'of the app')
    assert.deepEqual(operation?.security, [])
    assert.deepEqual(Object.keys(operation?.responses ?? {}), ['200', '401', '403', '503'])
  })

  it('of the console has a bearer token, and names its role and its permission', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      await app.register(consoleAuth, session)
      const consoleAuthDemand = { role: 'org:admin', permission: 'org:keys:manage' }
      app.get('/me', { config: { consoleAuth: consoleAuthDemand } }, async () => ({}))
    })
    const operation = document.paths['/me']?.get
    assert.deepEqual(operation?.security, [{ consoleSession: [] }])
    assert.match(operation?.responses['403']?.description ?? '', /Required: org:admin, org:keys:manage$/)
  })

  it('in two nested guarded scopes requires both credentials', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      await app.register(consoleAuth, session)
      await app.register(async (inner) => {
        await inner.register(tenantAuth, { keyStore })
        inner.get('/both', async () => ({}))
      })
    })
    assert.deepEqual(document.paths['/both']?.get?.security, [{ consoleSession: [], tenantApiKey: [] }])
  })

  it('has the header of its own scope if two scopes are guarded separately', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      for (const header of ['x-tenant-api-key', 'x-other-key']) {
        await app.register(async (scope) => {
          await scope.register(tenantAuth, { keyStore, header })
          scope.get(`/${header}`, async () => ({}))
        })
      }
    })
    assert.deepEqual(document.paths['/x-tenant-api-key']?.get?.security, [{ tenantApiKey: [] }])
    assert.deepEqual(document.paths['/x-other-key']?.get?.security, [{ 'tenantApiKey.x-other-key': [] }])
  })

  it('is the same in YAML as in JSON', async (t) => {
    const { app, document } = await documentOf(t, openapi('3.1.0'), tenantRoutes())
    const yaml = app.swagger({ yaml: true })
    assert.match(yaml, /securitySchemes:\n\s+tenantApiKey:/)
    assert.match(yaml, /- tenantApiKey: \[\]/)
    assert.deepEqual(app.swagger(), document)
  })

  it('is described in Swagger 2 too', async (t) => {
    const { tenantApiKey } = securitySchemes()
    const consoleSession = { type: 'apiKey', in: 'header', name: 'authorization' } as const
    const securityDefinitions = { tenantApiKey, consoleSession } as never
    const { document } = await documentOf(t, { swagger: { securityDefinitions } }, async (app) => {
      await tenantRoutes()(app)
      await app.register(async (dashboard) => {
        await dashboard.register(consoleAuth, session)
        dashboard.get('/me', async () => ({}))
      })
    })
    assert.deepEqual(document.paths['/me']?.get?.security, [{ consoleSession: [] }])
    assert.deepEqual(document.paths['/usage']?.get?.security, [{ tenantApiKey: [] }])
  })

  it("is also passed to the app's own transform, with its security", async (t) => {
    const seen: unknown[] = []
    const options: FastifyDynamicSwaggerOptions = {
      ...openapi('3.1.0'),
      transform: ({ schema, url }) => {
        seen.push((schema as { security?: object } | undefined)?.security)
        return { schema, url: `/v1${url}` }
      },
    }
    const { document } = await documentOf(t, options, tenantRoutes())
    assert.deepEqual(Object.keys(document.paths), ['/v1/open', '/v1/usage', '/v1/start'])
    assert.deepEqual(seen.filter(Boolean), [[{ tenantApiKey: [] }], [{ tenantApiKey: [] }]])
  })

  it('has no schema for refusals if the app has its own errorResponse', async (t) => {
    const options = { errorResponse: () => ({ nope: true }) }
    const { document } = await documentOf(t, openapi('3.1.0'), tenantRoutes(options))
    const refusal = document.paths['/start']?.post?.responses['401']
    assert.equal(refusal?.content, undefined)
    assert.match(refusal?.description ?? '', /missing, invalid or expired/)
  })

  it('gets no JSON schema if the app has its own serializer compiler', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      app.setSerializerCompiler(() => JSON.stringify)
      await app.register(tenantAuth, { keyStore })
      app.get('/usage', async () => ({}))
    })
    assert.deepEqual(document.paths['/usage']?.get?.security, [{ tenantApiKey: [] }])
    assert.deepEqual(Object.keys(document.paths['/usage']?.get?.responses ?? {}), ['200'])
  })

  it('is not described if the plugin does not guard it', async (t) => {
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      app.addHook('preHandler', async (request, reply) => app.verifyTenantKey(request, reply))
      await tenantRoutes({ addHook: false })(app)
    })
    assert.equal(document.paths['/usage']?.get?.security, undefined)
  })
})

describe('OpenAPI: securitySchemes()', () => {
  it('returns the schemes that guarded routes refer to', async (t) => {
    assert.deepEqual(securitySchemes(), {
      tenantApiKey: { type: 'apiKey', in: 'header', name: 'x-tenant-api-key' },
      consoleSession: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    })
    const { document } = await documentOf(t, openapi('3.1.0'), async (app) => {
      await app.register(consoleAuth, session)
      await app.register(tenantAuth, { keyStore, header: 'x-other-key' })
      app.get('/', async () => ({}))
    })
    const [required = {}] = document.paths['/']?.get?.security ?? []
    for (const name of Object.keys(required)) assert.ok(document.components.securitySchemes?.[name], name)
    assert.equal(Object.keys(required).length, 2)
  })
})

describe('OpenAPI: the answers of the app', () => {
  it('are the same bytes with and without swagger', async (t) => {
    const answers = []
    for (const options of [null, openapi('3.1.0')]) {
      const { app } = await documentOf(t, options, async (app) => {
        await tenantRoutes()(app)
        const schema: FastifySchema = { response: { 200: Type.String() } }
        app.get('/own-503', { schema }, (_request, reply) => reply.code(503).send({ of: 'the app' }))
      })
      const refused = await app.inject({ url: '/usage' })
      const own = await app.inject('/own-503')
      answers.push([refused.statusCode, refused.body, own.body])
    }
    assert.deepEqual(answers[0], answers[1])
    assert.equal(answers[1]?.[2], '{"of":"the app"}')
  })

  it('are not cut to the schema that the document has for refusals', async (t) => {
    const { app } = await documentOf(t, openapi('3.1.0'), async (app) => {
      await app.register(consoleAuth, session)
      app.get('/busy', (_request, reply) => reply.code(503).send({ of: 'the app' }))
    })
    app.swagger()
    const headers = { authorization: `Bearer ${signer.signSession()}` }
    assert.equal((await app.inject({ url: '/busy', headers })).body, '{"of":"the app"}')
  })

  it('come from no routes but those of the app', async (t) => {
    const { app } = await documentOf(t, openapi('3.1.0'), tenantRoutes())
    assert.doesNotMatch(app.printRoutes({ commonPrefix: false }), /TRACE|openapi/)
  })

  it('have a schema with the title ErrorResponse', () => {
    assert.equal(ErrorResponse.title, 'ErrorResponse')
  })
})
