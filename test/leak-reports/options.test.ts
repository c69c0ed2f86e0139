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
