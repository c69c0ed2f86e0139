import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { generateKey } from '../../src/keys/key-format.ts'
import { SessionSigner } from '../../src/testing/session-signer.ts'
import { holdsKey, keysIn, withoutCredentials, withoutCredentialsDeep } from '../../src/keys/key-text.ts'

const key = fc
  .tuple(
    fc.stringMatching(/^[A-Za-z](?:[0-9A-Za-z_]{0,14}[0-9A-Za-z])?$/),
    fc.stringMatching(/^[A-Za-z][0-9a-z]{0,15}$/),
  )
  .map(([prefix, environment]) => generateKey(prefix, environment))

describe('keys in a text', () => {
  it('are found and redacted, whatever precedes and follows them', () => {
    const around = fc.oneof(fc.string({ maxLength: 40 }), fc.stringMatching(/^[0-9A-Za-z_]{0,60}$/))
    fc.assert(
      fc.property(around, key, around, (before, key, after) => {
        const text = before + key + after
        assert.ok(holdsKey(text))
        // Once in four thousand million texts, a longer prefix may have the same checksum.
        assert.ok(keysIn(text).includes(key))
        assert.ok(!withoutCredentials(text).includes(key))
      }),
      { numRuns: 500 },
    )
  })

  it('are redacted one by one, and nothing else is', () => {
    const [a, b] = [generateKey('tk', 'live'), generateKey('my_company', 'Test')]
    const altered = a.slice(0, -1) + (a.endsWith('0') ? '1' : '0')
    assert.equal(
      withoutCredentials(`${a},${b} and ${altered} tk_live_`),
      `[key],[key] and ${altered} tk_live_`,
    )
    assert.equal(withoutCredentials(`${a}${b}`), '[key][key]')
    for (const text of ['', '_', 'tk_live_', '_'.repeat(200), 'x'.repeat(200), altered]) {
      assert.ok(!holdsKey(text), text)
      assert.equal(withoutCredentials(text), text)
    }
  })

  it('are redacted, as tokens are', () => {
    const token = new SessionSigner().signSession()
    assert.equal(withoutCredentials(`agent/1 (Bearer ${token})`), 'agent/1 (Bearer [token])')
    assert.equal(withoutCredentials('eyJust a word, and file.eyJ'), 'eyJust a word, and file.eyJ')
    const odd = 'eyJ'.repeat(30_000)
    assert.equal(withoutCredentials(odd), odd)
  })

  it('are sought no further back than the longest labels reach, so that a long text takes no longer', (t) => {
    const text = `_${'a'.repeat(39)}`.repeat(500)
    const slice = t.mock.method(String.prototype, 'slice')
    const found = holdsKey(text)
    const slices = slice.mock.callCount()
    slice.mock.restore()
    assert.deepEqual([found, slices <= 500 * 33], [false, true], `${slices} slices`)
  })

  it('are redacted in nested data, names included', () => {
    const key = generateKey('tk', 'live')
    const at = new Date()
    assert.deepEqual(withoutCredentialsDeep({ at, a: [key, { b: `x ${key}`, [key]: null }], n: 1 }), {
      at,
      a: ['[key]', { b: 'x [key]', '[key]': null }],
      n: 1,
    })
  })
})
