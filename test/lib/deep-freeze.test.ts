import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deepFreeze } from '../../src/lib/deep-freeze.ts'

describe('deepFreeze', () => {
  it('freezes a value with everything in it, and returns it', () => {
    const value = { list: [{ name: 'a' }], nothing: null, inner: { more: {} } }
    assert.equal(deepFreeze(value), value)
    for (const part of [value, value.list, value.list[0], value.inner, value.inner.more])
      assert.ok(Object.isFrozen(part))
  })

  it('freezes a value that is nested deeper than the call stack', () => {
    let value: { inner?: object } = {}
    const innermost = value
    for (let depth = 0; depth < 100_000; depth++) value = { inner: value }
    deepFreeze(value)
    assert.ok(Object.isFrozen(innermost))
  })
})
