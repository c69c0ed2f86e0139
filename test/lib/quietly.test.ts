import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { asError, quietly } from '../../src/lib/quietly.ts'

function warnings(t: TestContext) {
  const seen: unknown[] = []
  t.mock.method(process, 'emitWarning', (...args: unknown[]) => void seen.push(args))
  return seen
}

describe('code that runs quietly', () => {
  it('may throw, which is reported once and without the message, which may be secret', (t) => {
    const seen = warnings(t)
    for (const [what, thrown, shown] of [
      ['one', new RangeError('secret'), 'RangeError'],
      ['two', 'secret', 'string'],
      ['three', undefined, 'undefined'],
      ['four', Object.defineProperty(new Error('secret'), 'name', { get: () => assert.fail() }), 'an error'],
    ] as const) {
      for (let times = 0; times < 2; times++) {
        quietly(what, () => {
          throw thrown
        })
      }
      assert.deepEqual(seen.splice(0), [
        [`${what} threw: ${shown}. Further errors are not reported.`, { code: 'TENANT_AUTH_IGNORED' }],
      ])
    }
  })

  it('is not reported when it succeeds', (t) => {
    const seen = warnings(t)
    let done = false
    quietly('five', () => (done = true))
    assert.deepEqual([done, seen], [true, []])
  })
})

describe('asError', () => {
  it('returns an Error as it is, and makes anything else the cause of one', () => {
    const error = new Error('mine')
    assert.equal(asError(error, 'the check'), error)
    for (const thrown of [undefined, null, 0, 'text']) {
      const made = asError(thrown, 'the check')
      assert.deepEqual([made.message, made.cause], ['the check threw something that is not an Error', thrown])
    }
  })
})
