import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge, type KeyEntry } from '../../src/cache/verdict.ts'
import type { StoredKey } from '../../src/stores/key-store.ts'

function entryOf(stored: Partial<StoredKey> & { tenant?: object } = {}): KeyEntry {
  const verdict = judge({ id: 'key_1', tenant: { id: 'ten_1' }, ...stored }, 0, 1_000)
  assert.ok(typeof verdict !== 'string')
  return verdict
}

const metadataOf = (metadata: object) => entryOf({ metadata }).key.metadata

describe('values that are the same for many keys', () => {
  it('are one object: scopes, metadata and tenants', () => {
    const stored = () => ({
      tenant: { id: 'ten_1', name: 'Acme', metadata: { plan: 'pro', seats: 5 } },
      scopes: ['read', 'write'],
      metadata: { region: 'eu', beta: true, note: null },
    })
    const [one, other] = [entryOf(stored()), entryOf({ ...stored(), id: 'key_2' })]
    assert.equal(one.tenant, other.tenant)
    assert.equal(one.key.scopes, other.key.scopes)
    assert.equal(one.key.metadata, other.key.metadata)
    assert.deepEqual({ ...other.key.metadata }, stored().metadata)
    assert.deepEqual(other.tenant, stored().tenant)
    for (const shared of [one.tenant, one.tenant.metadata, one.key.scopes, one.key.metadata])
      assert.ok(Object.isFrozen(shared))
  })

  it('are shared up to 200 characters of JSON, so that what is remembered has a bound', () => {
    for (const [length, isShared] of [
      [200, true],
      [201, false],
    ] as const) {
      const stored = () => ({ scopes: ['x'.repeat(length - '[""]'.length)] })
      assert.equal(entryOf(stored()).key.scopes === entryOf(stored()).key.scopes, isShared, `${length}`)
    }
  })

  it('are copies, so that changes by the store do not affect them', () => {
    const stored = { scopes: ['mine'], metadata: { of: 'mine' } }
    const before = entryOf(stored)
    stored.scopes.push('more')
    stored.metadata.of = 'changed'
    assert.deepEqual(before.key.scopes, ['mine'])
    assert.deepEqual(before.key.metadata, { of: 'mine' })
  })

  it('are compared by their whole content', () => {
    const tenant = { id: 'ten_1', name: 'Acme', metadata: { plan: 'pro' } }
    const first = entryOf({ tenant })
    assert.deepEqual(entryOf({ tenant: { ...tenant, name: 'Acme Ltd' } }).tenant.name, 'Acme Ltd')
    assert.deepEqual(entryOf({ tenant: { ...tenant, metadata: { plan: 'free' } } }).tenant.metadata, {
      plan: 'free',
    })
    assert.equal(entryOf({ tenant: { ...tenant, id: 'ten_2' } }).tenant.id, 'ten_2')
    // What was read first stays as it was.
    assert.deepEqual(first.tenant, tenant)
    for (const [one, other] of [
      [['a', 'b'], ['a,b']],
      [
        ['a"', 'b'],
        ['a', '"b'],
      ],
      [
        ['a', 'b'],
        ['b', 'a'],
      ],
      [[], ['']],
    ] as const) {
      assert.deepEqual(entryOf({ scopes: one }).key.scopes, one)
      assert.deepEqual(entryOf({ scopes: other }).key.scopes, other)
    }
  })

  it('are remembered by the thousand, so that what no keys share does not fill the memory', () => {
    const scopesOf = (scope: string) => entryOf({ scopes: [scope] }).key.scopes
    const first = scopesOf('first')
    for (let i = 0; i < 999; i++) scopesOf(`one of ${i}`)
    assert.equal(scopesOf('first'), first)
    for (let i = 0; i < 1_000; i++) scopesOf(`another of ${i}`)
    assert.notEqual(scopesOf('first'), first)
  })

  it('do not include those that are the same only as JSON', () => {
    const at = new Date(5)
    class Row {
      readonly secret: string
      constructor(secret: string) {
        this.secret = secret
      }
      toJSON() {
        return {}
      }
    }
    for (const [one, other] of [
      [{ at }, { at: at.toJSON() }],
      [{ a: undefined }, {}],
      [{ n: NaN }, { n: null }],
      [{ n: -0 }, { n: 0 }],
      [{ n: 5n }, { n: 5 }],
      [{ list: ['a'] }, { list: 'a' }],
      [new Row('one'), new Row('other')],
      [{ deep: { n: 1 } }, { deep: { n: 2 } }],
    ] as [object, object][]) {
      for (const given of [one, other, one]) {
        const copy = metadataOf(given)
        assert.deepEqual(Object.entries(copy), Object.entries(given))
      }
    }
  })
})
