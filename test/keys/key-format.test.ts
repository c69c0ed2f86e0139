import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { digestKey, digestToHash, hashToDigest } from '../../src/keys/key-digest.ts'
import {
  displayParts,
  ENVIRONMENT_PATTERN,
  generateKey,
  hashKey,
  isWellFormed,
  KEY_PATTERN,
  PREFIX_PATTERN,
} from '../../src/keys/key-format.ts'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const prefixes = fc.stringMatching(/^[A-Za-z](?:[0-9A-Za-z_]{0,14}[0-9A-Za-z])?$/)
const environments = fc.stringMatching(/^[A-Za-z][0-9A-Za-z]{0,15}$/)
const generated = fc
  .tuple(prefixes, environments)
  .map(([prefix, environment]) => generateKey(prefix, environment))

describe('the format of a key', () => {
  it('is that of every generated key, with any prefix and environment', () => {
    fc.assert(
      fc.property(prefixes, environments, (prefix, environment) => {
        const key = generateKey(prefix, environment)
        assert.deepEqual(`KEY=${key}\n`.match(KEY_PATTERN)?.[0], key)
        assert.ok(key.startsWith(`${prefix}_${environment}_`))
        assert.equal(key.length, prefix.length + environment.length + 2 + 33 + 6)
        assert.ok(isWellFormed(key))
      }),
    )
  })

  it('has not changed since the first release: the checksum stays the same', () => {
    // Computed with another implementation of CRC32.
    assert.ok(isWellFormed('tk_live_0123456789ABCDEFGHIJKLMNOPQRSTUVW4CNfqC'))
  })

  it('is broken by a change of any character', () => {
    const printable = fc.integer({ min: 0x20, max: 0x7e }).map((point) => String.fromCodePoint(point))
    fc.assert(
      fc.property(generated, fc.nat(), printable, (key, place, character) => {
        const i = place % key.length
        fc.pre(key[i] !== character)
        assert.ok(!isWellFormed(key.slice(0, i) + character + key.slice(i + 1)))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is broken by a change of each character to any other that a key may have', () => {
    const key = generateKey('tk', 'live')
    for (let i = 0; i < key.length; i++) {
      for (const character of `${BASE62}_`) {
        if (character === key[i]) continue
        assert.ok(!isWellFormed(key.slice(0, i) + character + key.slice(i + 1)), `at ${i}`)
      }
    }
  })

  it('is broken by a swap of two neighbouring characters', () => {
    fc.assert(
      fc.property(generated, fc.nat(), (key, place) => {
        const i = place % (key.length - 1)
        fc.pre(key[i] !== key[i + 1])
        assert.ok(!isWellFormed(`${key.slice(0, i)}${key[i + 1]}${key[i]}${key.slice(i + 2)}`))
      }),
    )
  })

  it('is broken by added or missing characters', () => {
    fc.assert(
      fc.property(generated, fc.nat(), fc.string({ minLength: 1 }), (key, place, rest) => {
        const i = place % key.length
        assert.ok(!isWellFormed(key.slice(0, i) + key.slice(i + 1)))
        assert.ok(!isWellFormed(key.slice(0, i)))
        assert.ok(!isWellFormed(`${key}${rest}`))
        assert.ok(!isWellFormed(`${key}\n`))
      }),
    )
  })

  it('does not match random strings, even if they look like a key', () => {
    const alike = fc
      .tuple(prefixes, environments, fc.stringMatching(/^[0-9A-Za-z]{39}$/))
      .map((parts) => parts.join('_'))
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), alike), (text) => {
        assert.ok(!isWellFormed(text))
      }),
      { numRuns: 1_000 },
    )
  })

  it('has to be correct even if the checksum matches', () => {
    const random = '0123456789ABCDEFGHIJKLMNOPQRSTUVW'
    for (const labels of ['tk_live', 'TK_live', 'tk_Live', 'my_company_live', 'a__b_live', 'Ab_1_Test']) {
      assert.ok(isWellFormed(withChecksum(`${labels}_${random}`)), labels)
    }
    const wrong = [
      `1k_live_${random}`,
      `tk-live-${random}`,
      `tk_${random}`,
      `_live_${random}`,
      `tk__${random}`,
      ` tk_live_${random}`,
      `tk__live_${random}`,
      `tk_1live_${random}`,
      `my_company_name_0_live_${random}`,
      `tk_live_${random.slice(1)}`,
      `tk_live_${random}0`,
      `tk_live_${random.slice(1)}é`,
      `tk_live_${random.slice(1)}\n`,
      `${'x'.repeat(17)}_live_${random}`,
      '',
    ]
    for (const body of wrong) assert.ok(!isWellFormed(withChecksum(body)), JSON.stringify(body))
  })

  it('allows only labels as prefixes and environments', () => {
    for (const label of ['', '1st', '_a', 'a_', 'a-b', 'a'.repeat(17), 'é', 'a\n', '\na']) {
      assert.doesNotMatch(label, PREFIX_PATTERN)
      assert.doesNotMatch(label, ENVIRONMENT_PATTERN)
    }
    assert.match('a_b', PREFIX_PATTERN)
    assert.doesNotMatch('a_b', ENVIRONMENT_PATTERN)
  })
})

describe('the random part', () => {
  it('never repeats', () => {
    const keys = new Set(Array.from({ length: 10_000 }, () => generateKey('tk', 'live')))
    assert.equal(keys.size, 10_000)
  })

  it('has every character of the alphabet equally often', () => {
    const counts = new Map<string, number>(Array.from(BASE62, (character) => [character, 0]))
    const rounds = 4_000
    for (let i = 0; i < rounds; i++) {
      for (const character of generateKey('tk', 'live').slice('tk_live_'.length, -6)) {
        counts.set(character, (counts.get(character) ?? 0) + 1)
      }
    }
    assert.equal(counts.size, 62)
    const expected = (rounds * 33) / 62
    const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    // 61 degrees of freedom: above 130 once in a million runs. `byte % 62`, the usual mistake, gives 1,000.
    assert.ok(chiSquared < 130, `${chiSquared}`)
  })
})

describe('what is stored of a key', () => {
  it('is the SHA-256 of the whole key, in lower-case hexadecimal', () => {
    fc.assert(
      fc.property(generated, (key) => {
        assert.equal(hashKey(key), createHash('sha256').update(key, 'utf8').digest('hex'))
        assert.match(hashKey(key), /^[0-9a-f]{64}$/)
      }),
    )
  })

  it('is the same hash in memory, with one character for each byte', () => {
    fc.assert(
      fc.property(generated, (key) => {
        assert.equal(digestKey(key).length, 32)
        assert.equal(digestToHash(digestKey(key)), hashKey(key))
        assert.equal(hashToDigest(hashKey(key)), digestKey(key))
      }),
    )
  })

  it('for display is the prefix, the environment, four characters, and the last four', () => {
    fc.assert(
      fc.property(prefixes, environments, (prefix, environment) => {
        const key = generateKey(prefix, environment)
        const { start, last4 } = displayParts(key)
        assert.equal(start, key.slice(0, prefix.length + environment.length + 2 + 4))
        assert.equal(last4, key.slice(-4))
      }),
    )
  })
})

/** Appends the checksum of the format, computed in another way. */
function withChecksum(body: string): string {
  const digits = [5, 4, 3, 2, 1, 0].map((power) => Math.floor(crc32(body) / 62 ** power) % 62)
  return body + digits.map((digit) => BASE62[digit]).join('')
}
