import assert from 'node:assert/strict'
import { it } from 'node:test'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { checkOptions } from '../../src/leak-reports/options.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { assertBounds } from '../harness/bounds.ts'

it('leakReports takes numbers from the least to the most that they may be', () => {
  const keys = new KeyManager(new MemoryKeyStore())
  assertBounds((given) => checkOptions({ keys, ...given }), {
    maxPerMinute: {},
    bodyLimit: { most: 16 * 2 ** 20 },
    'publicKeys.timeout': {},
    'publicKeys.maxAge': {},
    'publicKeys.cooldown': {},
  })
})

it('leakReports has the documented defaults', () => {
  const keys = new KeyManager(new MemoryKeyStore())
  assert.deepEqual(checkOptions({ keys }), {
    keys,
    url: '/leak-reports',
    revoke: false,
    onLeak: undefined,
    maxPerMinute: 120,
    bodyLimit: 1_048_576,
    publicKeys: {
      url: 'https://api.github.com/meta/public_keys/secret_scanning',
      token: undefined,
      timeout: 5_000,
      maxAge: 3_600_000,
      cooldown: 60_000,
    },
  })
})
