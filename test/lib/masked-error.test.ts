import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { maskedError } from '../../src/lib/masked-error.ts'

const HASH = 'ab'.repeat(32)

describe('a masked error', () => {
  it('keeps the name, message, code and stack frames', () => {
    const error = Object.assign(new RangeError('the store is slow'), { code: 'ESLOW' })
    const masked = maskedError(error)
    assert.notEqual(masked, error)
    assert.deepEqual(
      [masked.name, masked.message, (masked as { code?: string }).code],
      ['RangeError', 'the store is slow', 'ESLOW'],
    )
    assert.match(masked.stack ?? '', /^RangeError: the store is slow\n\s+at .*masked-error\.test/)
  })

  it('contains no hash and no credentials of a connection string, anywhere', () => {
    const error = new Error(`no row ${HASH}`, {
      cause: new Error(`postgres://app:secret@db/keys has no ${HASH.toUpperCase()}`),
    })
    Object.assign(error, { code: HASH, detail: HASH, parameters: [HASH] })
    const masked = maskedError(error)
    const shown = JSON.stringify([
      masked.message,
      masked.stack,
      masked,
      Object.getOwnPropertyDescriptors(masked),
    ])
    assert.doesNotMatch(shown, new RegExp(`${HASH}|secret`, 'i'))
    assert.equal(masked.message, 'no row [hash]: postgres://[credentials]@db/keys has no [hash]')
  })

  it('includes the causes of the error, each once, at most five deep', () => {
    const aggregate = new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')])
    assert.equal(maskedError(new Error('no connection', { cause: aggregate })).message.includes('::1'), true)
    assert.equal(maskedError(new Error('a: b', { cause: new Error('b') })).message, 'a: b')
    assert.equal(maskedError(Object.assign(new Error(''), { code: 'ECONNREFUSED' })).message, 'ECONNREFUSED')
    const round = new Error('round')
    round.cause = new Error('and round', { cause: round })
    assert.equal(maskedError(round).message, 'round: and round')
    let deep = new Error('level 0')
    for (let level = 1; level < 8; level++) deep = new Error(`level ${level}`, { cause: deep })
    assert.equal(maskedError(deep).message, 'level 7: level 6: level 5: level 4: level 3')
  })

  it('can be made from anything that is thrown', () => {
    const throwing = {
      get: () => {
        throw new Error('hidden')
      },
    }
    const odd: unknown = Object.create(Error.prototype, {
      message: throwing,
      stack: throwing,
      code: { value: Symbol('code') },
    })
    assert.equal(maskedError(odd).message, 'Error')
    for (const thrown of [undefined, null, 'text', 1n, Symbol('s'), {}, () => {}]) {
      assert.equal(maskedError(thrown).message, 'the key store threw something that is not an Error')
    }
  })
})
