/** Arguments with an unknown name. Ignored, each would leave out a check of the owner, or an expiry. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { code, inHours, setUp, VALUES } from './set-up.ts'

type Loose = Record<keyof KeyManager, (...args: unknown[]) => Promise<unknown>>

describe('a KeyManager rejects', () => {
  const end = inHours(1)
  const tables: [string, (id: string, tenantId: string) => [method: keyof KeyManager, ...args: unknown[]]][] =
    [
      ['get with a misspelt owner', (id) => ['get', id, { tenantid: 'other' }]],
      ['get with an owner that is a string', (id) => ['get', id, 'other']],
      ['get with an owner of null', (id) => ['get', id, null]],
      ['revoke with a misspelt owner', (id) => ['revoke', id, { tenant: 'other' }]],
      ['update with a misspelt owner', (id) => ['update', id, { name: 'x' }, { tenantID: 'other' }]],
      ['update with an owner among the values', (id) => ['update', id, { name: 'x', tenantId: 'other' }]],
      ['update with a misspelt expiry', (id) => ['update', id, { expires_at: end }]],
      ['rotate with a misspelt owner', (id) => ['rotate', id, { tenant_id: 'other' }]],
      ['rotate with a misspelt grace', (id) => ['rotate', id, { graceMs: 0 }]],
      ['create with a misspelt expiry', (_, tenantId) => ['create', { tenantId, ...VALUES, expiresat: end }]],
      ['create with misspelt scopes', (_, tenantId) => ['create', { tenantId, ...VALUES, scope: ['read'] }]],
      [
        'create with a field of the store',
        (_, tenantId) => ['create', { tenantId, ...VALUES, revokedAt: null }],
      ],
      [
        'import with an idempotency key, which it does not take',
        (_, tenantId) => [
          'import',
          { tenantId, ...VALUES, hash: '0'.repeat(64), start: '', last4: '', idempotencyKey: 'x' },
        ],
      ],
      ['list with a misspelt limit', (_, tenantId) => ['list', { tenantId, max: 1 }]],
      ['createTenant with suspended', () => ['createTenant', { name: 'x', suspended: true }]],
      ['updateTenant with suspendedAt', (_, tenantId) => ['updateTenant', tenantId, { suspendedAt: end }]],
    ]
  for (const [what, args] of tables) {
    it(what, async () => {
      const { keys, tenantId } = await setUp()
      const { details } = await keys.create({ tenantId, ...VALUES })
      const [method, ...given] = args(details.id, tenantId)
      await assert.rejects((keys as unknown as Loose)[method](...given), code('KEY_INVALID'))
      assert.deepEqual(await keys.get(details.id), details)
      assert.equal((await keys.list({ tenantId })).keys.length, 1)
    })
  }
})

it('the error suggests what was meant, and never repeats what was given', async () => {
  const { keys } = await setUp()
  const given = { tk_live_3Zt9YvXo0bTjD4Qn8cWmR1sLkEaPfUhGi2xV6: 1 }
  await assert.rejects(
    keys.get('key_x', given as object),
    ({ message }: Error) => !message.includes('tk_live'),
  )
  await assert.rejects(keys.get('key_x', { tenant_id: 'a' } as object), /Did you mean tenantId\?/)
})

it('MemoryKeyStore rejects invalid options', () => {
  const error = { code: 'TENANT_AUTH_BAD_OPTION' }
  assert.throws(() => new MemoryKeyStore({ keyhash: String } as object), error)
  assert.throws(() => new MemoryKeyStore({ keyHash: 'sha512' as never }), error)
})
