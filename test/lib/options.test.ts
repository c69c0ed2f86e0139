import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  callback,
  flag,
  group,
  oneOf,
  optional,
  orFalse,
  readOptions,
  required,
  whole,
} from '../../src/lib/options.ts'

const SPECIFICATION = {
  store: required<object>('a store', (value) => typeof value === 'object' && value !== null),
  kind: oneOf(['one', 'two'], 'one'),
  lookupTimeout: whole({ fallback: 1_000, max: 60_000 }),
  free: optional(whole({ min: 0 })),
  addHook: flag(true),
  onUse: callback(),
  cache: orFalse(group("a plugin's cache", { max: whole({ fallback: 10 }) })),
}
const store = {}
const read = (given: unknown) => readOptions('a plugin', SPECIFICATION, given, { besides: ['logLevel'] })

describe('options', () => {
  it('have defaults, and the values that are given', () => {
    const defaults = { kind: 'one', lookupTimeout: 1_000, free: undefined, addHook: true, onUse: undefined }
    assert.deepEqual(read({ store, logLevel: 'warn' }), { store, ...defaults, cache: { max: 10 } })
    const onUse = () => {}
    const given = { store, kind: 'two', lookupTimeout: 1, free: 0, addHook: false, onUse, cache: false }
    assert.deepEqual(read(given), given)
    assert.deepEqual(read({ store, cache: { max: 7 } }).cache, { max: 7 })
  })

  const wrong: [given: unknown, message: string | RegExp][] = [
    [undefined, 'the options of a plugin must be an object'],
    [[], 'the options of a plugin must be an object'],
    [{}, 'store must be a store'],
    [{ store, kind: 'three' }, "kind must be 'one' or 'two'"],
    [{ store, lookupTimeout: 0 }, 'lookupTimeout must be a whole number from 1 to 60000'],
    [{ store, lookupTimeout: 60_001 }, 'lookupTimeout must be a whole number from 1 to 60000'],
    [{ store, lookupTimeout: null }, /^lookupTimeout must be/],
    [{ store, lookupTimeout: '7' }, /^lookupTimeout must be/],
    [{ store, lookupTimeout: 1.5 }, /^lookupTimeout must be/],
    [{ store, free: -1 }, 'free must be a whole number from 0 to 2147483647'],
    [{ store, free: 2 ** 31 }, /^free must be/],
    [{ store, addHook: 'no' }, 'addHook must be true or false'],
    [{ store, onUse: {} }, 'onUse must be a function'],
    [{ store, cache: true }, 'cache must be false or an object'],
    [{ store, cache: { max: 0 } }, /^cache\.max must be/],
    [
      { store, cache: { Max: 7 } },
      "Max is not an option of a plugin's cache, which takes max. Did you mean max?",
    ],
    [{ store, colour: 1 }, /^colour is not an option of a plugin, which takes store, kind, [^.]*$/],
  ]
  for (const [given, message] of wrong) {
    it(`are refused: ${JSON.stringify(given)}`, () => {
      assert.throws(() => read(given), { code: 'TENANT_AUTH_BAD_OPTION', message })
    })
  }

  for (const [misspelt, meant] of [
    ['lookup_timeout', 'lookupTimeout'],
    ['lookupTimeOut', 'lookupTimeout'],
    ['lokupTimeuot', 'lookupTimeout'],
    ['adHook', 'addHook'],
    ['hook', undefined],
    ['cahce', 'cache'],
  ]) {
    it(`refuse ${misspelt} and suggest ${meant ?? 'nothing'}`, () => {
      const asked =
        meant === undefined ? /free, addHook, onUse, cache$/ : new RegExp(`Did you mean ${meant}\\?$`)
      assert.throws(() => read({ store, [misspelt as string]: 1 }), { message: asked })
    })
  }
})
