import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastify from 'fastify'
import { type KeyRoutesOptions, keyRoutes } from '../../src/key-routes/index.ts'
import { KeyManager } from '../../src/keys/index.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { ADMIN_OF_A, ADMIN_OF_B, consoleApp, MEMBER_OF_A } from './console-app.ts'

const CREATE = { method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } } as const
const LIST = { url: '/console/keys' } as const

describe('key routes: options', () => {
  it('take a KeyManager', async () => {
    for (const keys of [undefined, null, {}, new MemoryKeyStore()]) {
      const app = fastify()
      await assert.rejects(async () => app.register(keyRoutes, { keys } as unknown as KeyRoutesOptions), {
        code: 'TENANT_AUTH_BAD_OPTION',
        message: 'keyRoutes: keys must be a KeyManager, as in new KeyManager(store)',
      })
      await app.close()
    }
  })

  for (const name of ['tenantOf', 'canRead', 'canWrite', 'onAudit']) {
    it(`take a function as ${name}`, async () => {
      const app = fastify()
      const options = { keys: new KeyManager(new MemoryKeyStore()), [name]: 'org:admin' }
      await assert.rejects(async () => app.register(keyRoutes, options as unknown as KeyRoutesOptions), {
        code: 'TENANT_AUTH_BAD_OPTION',
        message: `keyRoutes: ${name} must be a function`,
      })
      await app.close()
    })
  }

  it('are refused by any other name', async () => {
    const app = fastify()
    const options = { keys: new KeyManager(new MemoryKeyStore()), canWritte: () => false }
    await assert.rejects(async () => app.register(keyRoutes, options), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message: 'canWritte is no option of keyRoutes, which takes keys, tenantOf, canRead, canWrite, onAudit',
    })
    await app.close()
  })

  it('are refused where no session is checked', async () => {
    const app = fastify()
    await assert.rejects(
      async () => app.register(keyRoutes, { keys: new KeyManager(new MemoryKeyStore()) }),
      {
        code: 'TENANT_AUTH_BAD_OPTION',
        message: 'keyRoutes must be registered in a scope that consoleAuth guards',
      },
    )
    await app.close()
  })

  it('tenantOf says whose keys they are', async (t) => {
    const { send, keys } = await consoleApp(t, {
      options: { tenantOf: async ({ orgId }) => (orgId === 'org_a' ? 'tenant_1' : null) },
    })
    await keys.createTenant({ id: 'tenant_1', name: 'One' })
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 201)
    assert.equal((await keys.list({ tenantId: 'tenant_1' })).keys.length, 1)
    assert.equal((await send(ADMIN_OF_B, LIST)).status, 403)
  })

  for (const tenant of [undefined, '', 5]) {
    it(`tenantOf lets nobody in with ${JSON.stringify(tenant)}`, async (t) => {
      const { send } = await consoleApp(t, { options: { tenantOf: () => tenant as unknown as string } })
      assert.equal((await send(ADMIN_OF_A, LIST)).status, 403)
    })
  }

  it('canRead and canWrite say who may', async (t) => {
    const { send } = await consoleApp(t, {
      options: {
        canRead: ({ userId }) => userId === 'user_admin',
        canWrite: ({ orgRole }) => orgRole === 'org:member',
      },
    })
    assert.equal((await send(ADMIN_OF_A, LIST)).status, 200)
    assert.equal((await send(MEMBER_OF_A, LIST)).status, 403)
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 403)
    assert.equal((await send(MEMBER_OF_A, CREATE)).status, 201)
  })

  it('canWrite lets in by true alone, not by a promise or another truthy value', async (t) => {
    for (const answer of [Promise.resolve(false), Promise.resolve(true), 1, 'no']) {
      const { send } = await consoleApp(t, { options: { canWrite: () => answer as unknown as boolean } })
      assert.equal((await send(ADMIN_OF_A, CREATE)).status, 403)
    }
  })

  it('an error of their own functions lets nobody in, and shows nothing of itself', async (t) => {
    const { send } = await consoleApp(t, {
      options: {
        tenantOf: () => {
          throw new Error('no route to db-7.internal')
        },
      },
    })
    const answer = await send(ADMIN_OF_A, LIST)
    assert.deepEqual([answer.status, answer.body.error.code], [500, 'INTERNAL_ERROR'])
    assert.doesNotMatch(answer.text, /db-7/)
  })
})

describe('key routes: in any app', () => {
  it('keep their word whatever validator, serializer and error handler the app has', async (t) => {
    const { app, send } = await consoleApp(t, {
      prepare(app) {
        app.setValidatorCompiler(() => () => ({ value: { hijacked: true } }))
        app.setSerializerCompiler(() => () => '{"hijacked":true}')
        app.setErrorHandler((_error, _request, reply) => reply.code(418).send({ hijacked: true }))
      },
    })
    app.get('/own', () => {
      throw new Error('of the app')
    })
    const refused = await send(ADMIN_OF_A, {
      ...CREATE,
      payload: { name: 'n', environment: 'live', scopse: [] },
    })
    assert.deepEqual([refused.status, refused.body.error.code], [400, 'VALIDATION_FAILED'])
    const created = await send<{ details: { name: string } }>(ADMIN_OF_A, CREATE)
    assert.deepEqual([created.status, created.body.details.name], [201, 'n'])
    // And the app keeps its own.
    assert.equal((await app.inject('/own')).statusCode, 418)
  })

  it('take a query by its types even where it holds none', async (t) => {
    const { send } = await consoleApp(t)
    await send(ADMIN_OF_A, CREATE)
    await send(ADMIN_OF_A, CREATE)
    const listed = await send<{ keys: unknown[] }>(ADMIN_OF_A, { url: '/console/keys?limit=1' })
    assert.equal(listed.body.keys.length, 1)
  })
})
