import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { KEY_FORM } from '../../src/keys/key-format.ts'
import { BASE62, isWellFormed } from '../../src/keys/well-formed.ts'

const KEY = new RegExp(`^${KEY_FORM}$`)

/** The same check, made with the pattern and zlib. */
function isWellFormedByDefinition(key: string): boolean {
  return KEY.test(key) && withChecksum(key.slice(0, -6)) === key
}

function withChecksum(body: string): string {
  let rest = crc32(body)
  let checksum = ''
  for (let i = 0; i < 6; i++) {
    checksum = BASE62.charAt(rest % 62) + checksum
    rest = Math.floor(rest / 62)
  }
  return body + checksum
}

const label = fc.oneof(
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,15}$/),
  fc.stringMatching(/^[a-zA-Z0-9_-]{0,18}$/),
  fc.string({ maxLength: 17 }),
)

describe('isWellFormed', () => {
  it('agrees with the pattern on any labels and random part with a matching checksum', () => {
    const random = fc.oneof(
      fc.stringMatching(/^[0-9A-Za-z]{33}$/),
      fc.stringMatching(/^[!-~]{33}$/),
      fc.string(),
    )
    fc.assert(
      fc.property(label, label, random, (prefix, environment, random) => {
        const key = withChecksum(`${prefix}_${environment}_${random}`)
        assert.equal(isWellFormed(key), isWellFormedByDefinition(key))
      }),
      { numRuns: 2_000 },
    )
  })

  it('accepts labels of up to 16 characters', () => {
    const random = 'r'.repeat(33)
    for (const [prefix, environment, expected] of [
      [16, 16, true],
      [17, 15, false],
      [15, 17, false],
      [17, 17, false],
    ] as const) {
      const key = withChecksum(`${'p'.repeat(prefix)}_${'e'.repeat(environment)}_${random}`)
      assert.equal(isWellFormed(key), expected, key)
      assert.equal(isWellFormedByDefinition(key), expected, key)
    }
  })

  it('requires two labels', () => {
    const random = 'r'.repeat(33)
    assert.equal(isWellFormed(withChecksum(`p_e_${random}`)), true)
    for (const labels of ['p_', 'p', '_', '', '_e_', 'p__', 'p_ee'])
      assert.equal(isWellFormed(withChecksum(`${labels}${random}`)), false, labels)
  })

  it('agrees with the pattern and zlib on any string', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 90 }), fc.stringMatching(/^_*$/)), (key) => {
        assert.equal(isWellFormed(key), isWellFormedByDefinition(key))
      }),
    )
  })
})
