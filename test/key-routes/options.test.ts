import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fastify from 'fastify'
import { consoleAuth } from '../../src/console-auth/index.ts'
import type { ErrorResponse } from '../../src/http/error-response.ts'
import { type KeyRoutesOptions, keyRoutes } from '../../src/key-routes/index.ts'
import { KeyManager } from '../../src/keys/index.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { ADMIN_OF_A, ADMIN_OF_B, consoleApp, MEMBER_OF_A, signer } from './console-app.ts'

const CREATE = { method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } } as const
const LIST = { url: '/console/keys' } as const

describe('key routes: options', () => {
  it('require a KeyManager', async () => {
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
    it(`require a function as ${name}`, async () => {
      const app = fastify()
      const options = { keys: new KeyManager(new MemoryKeyStore()), [name]: 'org:admin' }
      await assert.rejects(async () => app.register(keyRoutes, options as unknown as KeyRoutesOptions), {
        code: 'TENANT_AUTH_BAD_OPTION',
        message: `keyRoutes: ${name} must be a function`,
      })
      await app.close()
    })
  }

  it('reject an unknown name', async () => {
    const app = fastify()
    const options = { keys: new KeyManager(new MemoryKeyStore()), canWritte: () => false }
    await assert.rejects(async () => app.register(keyRoutes, options), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message:
        'canWritte is not an option of keyRoutes, which takes keys, scopes, tenantOf, newTenant, canRead, canWrite, allowImpersonation, onAudit. Did you mean canWrite?',
    })
    await app.close()
  })

  it('are rejected if consoleAuth is not registered', async () => {
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

  it('are rejected in a sibling of the scope that consoleAuth guards', async () => {
    const app = fastify()
    const keys = new KeyManager(new MemoryKeyStore(), { scopes: [] })
    const { jwtKey, authorizedParties } = signer
    await app.register(async (guarded) => {
      await guarded.register(consoleAuth, { jwtKey, authorizedParties })
    })
    await assert.rejects(async () => app.register(async (open) => open.register(keyRoutes, { keys })), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message: 'keyRoutes must be registered in a scope that consoleAuth guards',
    })
    await app.close()
  })

  it('let the routes check the session themselves with addHook: false', async (t) => {
    const { send } = await consoleApp(t, { consoleAuth: { addHook: false } })
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 201)
    assert.equal((await send(MEMBER_OF_A, CREATE)).status, 403)
    const refused = await send(null, LIST)
    assert.deepEqual([refused.status, refused.body.error.code], [401, 'AUTH_INVALID_TOKEN'])
  })

  it('require the scopes that users may grant, or "any"', async (t) => {
    const unlimited = () => new KeyManager(new MemoryKeyStore())
    const listed = () => new KeyManager(new MemoryKeyStore(), { scopes: ['read', 'write', 'internal:admin'] })
    const refused: [KeyManager, unknown][] = [
      [unlimited(), undefined],
      [unlimited(), 'all'],
      [unlimited(), ['two words']],
      [listed(), ['other']],
    ]
    for (const [keys, scopes] of refused) {
      await assert.rejects(
        consoleApp(t, { options: { keys, ...(scopes !== undefined && { scopes }) } as never }),
        {
          code: 'TENANT_AUTH_BAD_OPTION',
          message: /^keyRoutes: scopes must be /,
        },
      )
    }
    for (const [keys, scopes, refusal] of [
      [unlimited(), 'any', null],
      [unlimited(), [], 'scopes must be empty'],
      [unlimited(), ['read', 'internal:admin'], null],
      [listed(), undefined, null],
      [listed(), 'any', null],
      [listed(), ['read'], 'scopes must be among read'],
    ] as const) {
      const { send } = await consoleApp(t, { options: { keys, ...(scopes && { scopes }) } })
      const payload = { name: 'n', environment: 'live', scopes: ['internal:admin'] }
      const answer = await send<{ details: { id: string } } & ErrorResponse>(ADMIN_OF_A, {
        ...CREATE,
        payload,
      })
      assert.equal(answer.status, refusal === null ? 201 : 400, JSON.stringify(scopes))
      if (refusal === null) continue
      assert.deepEqual([answer.body.error.code, answer.body.error.message], ['KEY_INVALID', refusal])
      const { details } = (await send<{ details: { id: string } }>(ADMIN_OF_A, CREATE)).body
      const patch = {
        method: 'PATCH',
        url: `/console/keys/${details.id}`,
        payload: { scopes: payload.scopes },
      } as const
      assert.equal((await send(ADMIN_OF_A, patch)).status, 400)
    }
  })

  it('let no user extend a key with scopes that they may not grant', async (t) => {
    const manager = new KeyManager(new MemoryKeyStore())
    const { send, keys } = await consoleApp(t, { options: { keys: manager, scopes: ['read'] } })
    assert.equal((await send(ADMIN_OF_A, CREATE)).status, 201)
    const { details } = await manager.create({
      tenantId: 'org_a',
      name: 'of an operator',
      environment: 'live',
      scopes: ['internal:admin'],
      expiresAt: new Date(Date.now() + 60_000),
    })
    const url = `/console/keys/${details.id}`
    for (const request of [
      { method: 'POST', url: `${url}/rotate` },
      { method: 'PATCH', url, payload: { expiresAt: null } },
      { method: 'PATCH', url, payload: { paused: false } },
      { method: 'PATCH', url, payload: { networks: null } },
      { method: 'PATCH', url, payload: { networks: ['0.0.0.0/0', '::/0'] } },
    ] as const) {
      const answer = await send(ADMIN_OF_A, request)
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'KEY_INVALID'])
    }
    assert.deepEqual(await keys.get(details.id), details)
    const rename = { method: 'PATCH', url, payload: { name: 'mine' } } as const
    assert.equal((await send(ADMIN_OF_A, rename)).status, 200)
    const pause = { method: 'PATCH', url, payload: { paused: true } } as const
    assert.equal((await send(ADMIN_OF_A, pause)).status, 200)
    assert.equal((await send(ADMIN_OF_A, { method: 'DELETE', url })).status, 200)
  })

  it('tenantOf chooses the tenant', async (t) => {
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

  it('canRead and canWrite decide who may read and write', async (t) => {
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

  it('canWrite permits with true only, not with a promise or another truthy value', async (t) => {
    for (const answer of [Promise.resolve(false), Promise.resolve(true), 1, 'no']) {
      const { send } = await consoleApp(t, { options: { canWrite: () => answer as unknown as boolean } })
      assert.equal((await send(ADMIN_OF_A, CREATE)).status, 403)
    }
  })

  it('whatever one of their functions throws is answered 500, without its message', async (t) => {
    for (const thrown of [new Error('no route to db-7.internal'), 'no route to db-7.internal']) {
      const { send } = await consoleApp(t, {
        options: {
          tenantOf: () => {
            throw thrown
          },
        },
      })
      const answer = await send(ADMIN_OF_A, LIST)
      assert.deepEqual([answer.status, answer.body.error.code], [500, 'INTERNAL_ERROR'])
      assert.doesNotMatch(answer.text, /db-7/)
    }
  })
})
