import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkOptions } from '../../src/keys/key-manager-options.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { assertBounds } from '../harness/bounds.ts'
import { code, setUp, VALUES } from './set-up.ts'

describe('a KeyManager', () => {
  it('accepts only a writable store, and says what another one lacks', () => {
    const half = Object.assign(new MemoryKeyStore(), { findByHash: undefined, listKeys: undefined })
    const refuses = (store: unknown, message: RegExp) =>
      assert.throws(() => new KeyManager(store as never), { code: 'TENANT_AUTH_BAD_OPTION', message })
    for (const store of [undefined, null, 'store']) {
      refuses(store, /^KeyManager: store must be a WritableKeyStore$/)
    }
    refuses(half, /must be a WritableKeyStore: it lacks findByHash, listKeys$/)
    refuses({ findByHash: async () => null }, /it lacks insertTenant, .*, recordUse$/)
  })

  const wrong: Record<string, unknown[]> = {
    prefix: ['', '1tk', '_tk', 'tk_', 'a-b', 'x'.repeat(17), 7, null],
    environments: [[], 'live', ['1st'], ['a_b'], ['live', ''], [7], null],
    scopes: ['a', ['a b'], [''], [7], null],
    maxLifetime: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null],
    defaultLifetime: [0, 1.5, '5', null],
    maxKeys: [0, -1, 1.5, '5', null],
    timeout: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5', null],
  }
  it('has the documented defaults', () => {
    const { lifetime, ...settings } = checkOptions({})
    assert.equal(lifetime.usual(new Date()), null)
    assert.deepEqual(settings, {
      prefix: 'tk',
      environments: ['live', 'test'],
      scopes: undefined,
      maxLifetime: undefined,
      defaultLifetime: undefined,
      maxKeys: undefined,
      timeout: 5_000,
    })
  })

  it('takes numbers from the least to the most that they may be', () => {
    const most = Date.UTC(10_000, 0) - 1
    assertBounds((given) => new KeyManager(new MemoryKeyStore(), given), {
      maxLifetime: { most },
      defaultLifetime: { most },
      maxKeys: {},
      timeout: {},
    })
  })

  for (const [name, values] of Object.entries(wrong)) {
    it(`rejects an invalid ${name}, and names it`, () => {
      for (const value of values) {
        assert.throws(
          () => new KeyManager(new MemoryKeyStore(), { [name]: value }),
          (error) => {
            assert.ok(error instanceof Error && error.message.startsWith(`KeyManager: ${name} must be `))
            return code('TENANT_AUTH_BAD_OPTION')(error)
          },
        )
      }
    })
  }

  it('rejects a defaultLifetime longer than maxLifetime', () => {
    const make = (defaultLifetime: number) =>
      new KeyManager(new MemoryKeyStore(), { maxLifetime: 1_000, defaultLifetime })
    assert.throws(() => make(1_001), code('TENANT_AUTH_BAD_OPTION'))
    assert.ok(make(1_000))
  })

  it('rejects an unknown option', () => {
    const options = { environment: ['live'] }
    assert.throws(() => new KeyManager(new MemoryKeyStore(), options as object), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message:
        'environment is not an option of KeyManager, which takes prefix, environments, scopes, maxLifetime, defaultLifetime, maxKeys, timeout. Did you mean environments?',
    })
  })

  it('copies the lists that it is given', async () => {
    const [environments, scopes] = [['live'], ['a']]
    const { keys, tenantId } = await setUp({ environments, scopes })
    environments.push('test')
    scopes.push('b')
    await assert.rejects(keys.create({ ...VALUES, tenantId, environment: 'test' }), code('KEY_INVALID'))
    await assert.rejects(keys.create({ ...VALUES, tenantId, scopes: ['b'] }), code('KEY_INVALID'))
  })
})
