/** Arguments by a name that there is not: each would be an owner that is not asked for, or an end that never comes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { code, inHours, setUp, VALUES } from './set-up.ts'

type Loose = Record<keyof KeyManager, (...args: unknown[]) => Promise<unknown>>

describe('a call refuses', () => {
  const end = inHours(1)
  const tables: [string, (id: string, tenantId: string) => [method: keyof KeyManager, ...args: unknown[]]][] =
    [
      ['get by a misspelt owner', (id) => ['get', id, { tenantid: 'other' }]],
      ['get by an owner that is a text', (id) => ['get', id, 'other']],
      ['get by an owner that is null', (id) => ['get', id, null]],
      ['revoke by a misspelt owner', (id) => ['revoke', id, { tenant: 'other' }]],
      ['update by a misspelt owner', (id) => ['update', id, { name: 'x' }, { tenantID: 'other' }]],
      ['update by an owner among the values', (id) => ['update', id, { name: 'x', tenantId: 'other' }]],
      ['update of a misspelt expiry', (id) => ['update', id, { expires_at: end }]],
      ['rotate by a misspelt owner', (id) => ['rotate', id, { tenant_id: 'other' }]],
      ['rotate with a misspelt grace', (id) => ['rotate', id, { graceMs: 0 }]],
      ['create with a misspelt expiry', (_, tenantId) => ['create', { tenantId, ...VALUES, expiresat: end }]],
      ['create with misspelt scopes', (_, tenantId) => ['create', { tenantId, ...VALUES, scope: ['read'] }]],
      [
        'create of a client\u2019s body',
        (_, tenantId) => ['create', { tenantId, ...VALUES, revokedAt: null }],
      ],
      [
        'import with an idempotency key, which it does not have',
        (_, tenantId) => [
          'import',
          { tenantId, ...VALUES, hash: '0'.repeat(64), start: '', last4: '', idempotencyKey: 'x' },
        ],
      ],
      ['list with a misspelt limit', (_, tenantId) => ['list', { tenantId, max: 1 }]],
      ['createTenant that is suspended', () => ['createTenant', { name: 'x', suspended: true }]],
      ['updateTenant that is suspended', (_, tenantId) => ['updateTenant', tenantId, { suspendedAt: end }]],
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

it('the message says what was meant, and never what was given', async () => {
  const { keys } = await setUp()
  const given = { tk_live_3Zt9YvXo0bTjD4Qn8cWmR1sLkEaPfUhGi2xV6: 1 }
  await assert.rejects(
    keys.get('key_x', given as object),
    ({ message }: Error) => !message.includes('tk_live'),
  )
  await assert.rejects(keys.get('key_x', { tenant_id: 'a' } as object), /Did you mean tenantId\?/)
})

it('options of MemoryKeyStore are checked as well', () => {
  const error = { code: 'TENANT_AUTH_BAD_OPTION' }
  assert.throws(() => new MemoryKeyStore({ keyhash: String } as object), error)
  assert.throws(() => new MemoryKeyStore({ keyHash: 'sha512' as never }), error)
})
