/** What a header's value is refused for, at the bounds. What a whole request gets is in `http-contract.test.ts`. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refuseHeader } from '../../src/tenant-auth/key-header.ts'

for (const [what, value, expected] of [
  ['visible ASCII', '!~', null],
  ['512 characters', 'a'.repeat(512), null],
  ['513 characters', 'a'.repeat(513), 'too_long'],
  ['a space inside', 'a b', 'malformed'],
  ['a control character', 'a\x1f', 'malformed'],
  ['DEL', 'a\x7f', 'malformed'],
  ['a character beyond ASCII', 'a\x80', 'malformed'],
  ['a comma', 'a,b', 'repeated'],
  ['nothing', '', 'empty'],
  ['white space', ' \t', 'empty'],
] as const) {
  it(`a key of ${what} is ${expected === null ? 'looked up' : `refused as ${expected}`}`, () => {
    assert.equal(refuseHeader(value, {}, false), expected)
    // Nothing of this has the form of a key.
    assert.equal(refuseHeader(value, {}, true), expected ?? 'checksum')
  })
}
