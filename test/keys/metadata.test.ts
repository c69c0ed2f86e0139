import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { generateKey } from '../../src/keys/key-format.ts'
import { checkMetadata } from '../../src/keys/metadata.ts'

describe('metadata', () => {
  it('is accepted if it survives JSON and is within its size', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 })
    fc.assert(
      fc.property(value, fc.nat(4_200), (value, size) => {
        const padded = { ...value, 'padding ä': 'x'.repeat(size) }
        const json = JSON.stringify(padded)
        // JSON has no -0, and not every string can be stored.
        fc.pre(isDeepStrictEqual(JSON.parse(json), padded))
        fc.pre(!json.includes('\\u') && !/\p{Cs}/u.test(json))
        const accepted = Buffer.byteLength(json) <= 4_096
        if (accepted) assert.deepEqual(checkMetadata(padded), JSON.parse(json))
        else assert.throws(() => checkMetadata(padded), { code: 'KEY_INVALID' })
      }),
      { numRuns: 300 },
    )
  })

  it('is accepted up to 4,096 bytes, whatever it consists of', () => {
    for (const value of [{}, { list: [] }, { list: [1, null, true] }, { inner: { a: 1.5, b: {} } }]) {
      const left = 4_096 - JSON.stringify({ ...value, pad: '' }).length
      const padded = (length: number) => ({ ...value, pad: 'x'.repeat(length) })
      assert.deepEqual(checkMetadata(padded(left)), padded(left))
      assert.throws(() => checkMetadata(padded(left + 1)), { code: 'KEY_INVALID' })
    }
  })

  it('is copied, and may come from another realm', () => {
    const given = runInNewContext('({ list: [{ a: 1 }], none: null })') as { list: object[] }
    const copy = checkMetadata(given) as { list: object[] }
    assert.deepEqual(copy, { list: [{ a: 1 }], none: null })
    given.list.push({})
    assert.equal(copy.list.length, 1)
    const odd = JSON.parse('{"__proto__":{"a":1}}') as object
    assert.deepEqual(Object.keys(checkMetadata(odd)), ['__proto__'])
  })

  const hostile: Record<string, () => unknown> = {
    'one long string': () => ({ a: 'x'.repeat(100_000_000) }),
    'a long name': () => ({ ['x'.repeat(100_000_000)]: 1 }),
    'a long list': () => ({ a: Array.from({ length: 1_000_000 }) }),
    'a list of long strings': () => ({ a: Array.from({ length: 10_000 }, () => 'x'.repeat(10_000)) }),
    'deep nesting': () => {
      let value: object = {}
      for (let i = 0; i < 100_000; i++) value = { value }
      return value
    },
  }
  for (const [name, make] of Object.entries(hostile)) {
    it(`is rejected before it is serialized: ${name}`, (t) => {
      const value = make()
      const stringify = t.mock.method(JSON, 'stringify')
      assert.throws(() => checkMetadata(value), { code: 'KEY_INVALID' })
      const seen = stringify.mock.calls.map(({ result }) => String(result).length)
      assert.ok(seen.reduce((sum, length) => sum + length, 0) < 20_000, String(seen))
    })
  }

  it('is rejected with a key anywhere in it, and the key is not repeated', () => {
    const key = generateKey('tk', 'live')
    for (const value of [{ key }, { a: [{ b: [`Bearer ${key}`] }] }, { [key]: 1 }]) {
      assert.throws(
        () => checkMetadata(value),
        (error) => {
          assert.ok(error instanceof Error && error.message.startsWith('metadata must be without an API key'))
          return true
        },
      )
    }
  })

  it('is rejected if it is no object, even one that poses as a plain one', () => {
    const posing = (value: object) => Object.setPrototypeOf(value, null) as unknown
    for (const value of [
      undefined,
      null,
      1,
      'text',
      true,
      1n,
      Symbol('a'),
      [],
      () => {},
      posing([]),
      posing(() => {}),
    ]) {
      assert.throws(() => checkMetadata(value), { code: 'KEY_INVALID' }, typeof value)
    }
    assert.throws(() => checkMetadata({ a: posing(() => {}) }), { code: 'KEY_INVALID' })
    assert.deepEqual(checkMetadata(posing({ a: 1 })), { a: 1 })
  })

  it('is rejected if it has values that JSON does not', () => {
    class Odd {
      a = 1
    }
    const list = Object.assign([1], { name: 'x' })
    for (const value of [
      new Odd(),
      Object.create({ a: 1 }),
      Object.create(Object.create(null)),
      Object.create({ hasOwnProperty: () => true }),
      { list },
      { a: -0 },
      { [Symbol('a')]: 1 },
      { a: Array(2) },
    ]) {
      assert.throws(() => checkMetadata(value), { code: 'KEY_INVALID' })
    }
  })
})
