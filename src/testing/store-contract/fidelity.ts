/** The contract of values: a store returns what it was given, whatever the text, and never shares its own records. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestRunner } from '../test-runner.ts'
import type { WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, detailsOf, lookUp, sampleKey, sampleTenant } from './sample-records.ts'

/** NUL and lone surrogates are not among them: `KeyManager` refuses both, because not every database can hold them. */
const ODD_TEXTS = [
  `'; DROP TABLE keys; --`,
  `' OR '1'='1`,
  `"double" 'single' \`back\``,
  'back\\slash \\u0041 \\x41 \\',
  '%_% like',
  '{hash}tag:colon:*?[a-z]',
  '$1 ${2} $$ :name @p ?',
  '{"json": [1]}',
  'null',
  '0',
  ' leading and trailing ',
  '\u0001\t\r\n\u007f\u0085',
  'ﬁancé ≠ fiance\u0301',
  '租户 🔑 \u{10ffff} \u202e rtl \ufeff \uffff',
  '<script>alert(1)</script>',
  '__proto__',
  'x'.repeat(200),
]

/** Pairs that a database with a careless collation treats as equal. */
const DISTINCT = [
  ['Case', 'case'],
  ['accent', 'accént'],
  ['é', 'e\u0301'],
  ['trailing', 'trailing '],
  ['ss', 'ß'],
] as const

const ODD_METADATA: readonly object[] = [
  {},
  { nested: { a: [1, 'two', null, true, { b: [] }] }, empty: '' },
  { number: 1.5e-7, big: Number.MAX_SAFE_INTEGER, negative: -1, zero: 0 },
  { "quote'": '"', 'back\\slash': '\\', 'dots.and $': '$ne', '': 'empty name' },
  { constructor: 'c', toString: 't', hasOwnProperty: 'h' },
  { unicode: '🔑 租户 \u2028', control: '\u0001\n' },
  { date: '2026-01-01T00:00:00.000Z' },
  { long: 'x'.repeat(4_000) },
]

export function fidelityContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('values', () => {
    for (const text of ODD_TEXTS) {
      it(`keeps ${JSON.stringify(text.slice(0, 30))} in every column of text`, async () => {
        const unique = randomBytes(6).toString('hex')
        const odd = `${unique}${text}`
        const tenant = sampleTenant({ id: odd, name: text })
        await store().insertTenant(tenant)
        assert.deepEqual(await store().findTenant(odd), tenant)

        const key = await addKey(store(), odd, {
          id: odd,
          name: text,
          environment: text,
          scopes: [text, 'plain', `${text},${text}`],
          createdBy: text,
          start: text,
          last4: text,
        })
        assert.deepEqual(await store().findKey(odd), detailsOf(key))
        assert.deepEqual(await store().listKeys({ tenantId: odd, limit: 2 }), [detailsOf(key)])
        const found = await lookUp(store(), key.hash)
        assert.deepEqual([found?.id, found?.tenant.id, found?.scopes], [odd, odd, key.scopes])

        await store().updateKey(odd, { name: `${text}${text}` })
        await store().recordUse(new Map([[odd, at(3)]]))
        await store().revokeKey(odd, at(4))
        assert.deepEqual(await store().findKey(odd), {
          ...detailsOf(key),
          name: `${text}${text}`,
          lastUsedAt: at(3),
          revokedAt: at(4),
        })
      })
    }

    for (const [one, other] of DISTINCT) {
      it(`tells the ids ${JSON.stringify(one)} and ${JSON.stringify(other)} apart`, async () => {
        const unique = randomBytes(6).toString('hex')
        const ids = [`${unique}${one}`, `${unique}${other}`]
        for (const id of ids) await addKey(store(), await addTenant(store(), { id, name: id }), { id })
        for (const id of ids) {
          assert.equal((await store().findTenant(id))?.name, id)
          assert.equal((await store().findKey(id))?.tenantId, id)
          assert.deepEqual(
            (await store().listKeys({ tenantId: id, limit: 5 })).map((key) => key.id),
            [id],
          )
        }
      })
    }

    it('keeps the metadata of keys and tenants unchanged', async () => {
      for (const metadata of ODD_METADATA) {
        const tenantId = await addTenant(store(), { metadata })
        const key = await addKey(store(), tenantId, { metadata })
        assert.deepEqual((await store().findTenant(tenantId))?.metadata, metadata)
        assert.deepEqual((await store().findKey(key.id))?.metadata, metadata)
        const found = await lookUp(store(), key.hash)
        assert.deepEqual([found?.metadata, found?.tenant.metadata], [metadata, metadata])
        await store().updateKey(key.id, { metadata: { was: metadata } })
        assert.deepEqual((await store().findKey(key.id))?.metadata, { was: metadata })
      }
    })

    it('keeps the order of scopes, and an empty list', async () => {
      const tenantId = await addTenant(store())
      for (const scopes of [[], ['b', 'a', 'c'], ['*'], ['a:b', 'a.b', 'https://x.test/{a},b']]) {
        const key = await addKey(store(), tenantId, { scopes })
        assert.deepEqual((await store().findKey(key.id))?.scopes, scopes)
        assert.deepEqual((await lookUp(store(), key.hash))?.scopes, scopes)
      }
    })

    it('keeps times to the millisecond, from 1970 to the end of 9999', async () => {
      const tenantId = await addTenant(store())
      const times = [
        0,
        1,
        at(0).getTime() + 1,
        at(0).getTime() + 999,
        Date.UTC(9999, 11, 31, 23, 59, 59, 999),
      ]
      for (const time of times.map((ms) => new Date(ms))) {
        const key = await addKey(store(), tenantId, { createdAt: time, expiresAt: time })
        assert.deepEqual((await lookUp(store(), key.hash))?.expiresAt, time)
        await store().recordUse(new Map([[key.id, time]]))
        await store().revokeKey(key.id, time)
        assert.deepEqual(await store().findKey(key.id), {
          ...detailsOf(key),
          lastUsedAt: time,
          revokedAt: time,
        })
        const id = await addTenant(store(), { createdAt: time })
        await store().updateTenant(id, { suspendedAt: time })
        const tenant = await store().findTenant(id)
        assert.deepEqual([tenant?.createdAt, tenant?.suspendedAt], [time, time])
      }
    })
  })

  describe('records', () => {
    it('that were passed in can be changed without changing the store', async () => {
      const tenant = sampleTenant({ metadata: { list: [1] } })
      await store().insertTenant(tenant)
      const key = sampleKey(tenant.id, { expiresAt: at(60), metadata: { list: [1] }, scopes: ['a'] })
      await store().insertKey(key)
      const patch = { scopes: ['b'], metadata: { list: [2] }, expiresAt: at(70) }
      await store().updateKey(key.id, patch)
      const [before, tenantBefore] = [await store().findKey(key.id), await store().findTenant(tenant.id)]
      spoil(tenant)
      spoil(key)
      spoil(patch)
      assert.deepEqual(await store().findKey(key.id), before)
      assert.deepEqual(await store().findTenant(tenant.id), tenantBefore)
    })

    it('that were returned can be changed without changing the store', async () => {
      const tenant = sampleTenant({ metadata: { list: [1] } })
      const given: unknown[] = [await store().insertTenant(structuredClone(tenant))]
      const key = sampleKey(tenant.id, { expiresAt: at(60), metadata: { list: [1] } })
      given.push(await store().insertKey(structuredClone(key)))
      await store().recordUse(new Map([[key.id, at(1)]]))
      const [before, tenantBefore] = [await store().findKey(key.id), await store().findTenant(tenant.id)]
      const foundBefore = structuredClone(await lookUp(store(), key.hash))
      given.push(await store().updateKey(key.id, {}), await store().updateTenant(tenant.id, {}))
      given.push(await store().listKeys({ tenantId: tenant.id, limit: 1 }))
      given.push(await store().findTenant(tenant.id), await store().findKey(key.id))
      given.push(await lookUp(store(), key.hash))
      const kept = structuredClone([before, tenantBefore])
      for (const record of given) spoil(record)
      assert.deepEqual([await store().findKey(key.id), await store().findTenant(tenant.id)], kept)
      assert.deepEqual(await lookUp(store(), key.hash), foundBefore)
    })
  })
}

/** Changes everything in a record, however deep. */
function spoil(value: unknown): void {
  if (value instanceof Date) value.setTime(1)
  else if (Array.isArray(value)) {
    for (const item of value) spoil(item)
    if (!value.some((item) => typeof item === 'object')) value.push('spoilt')
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) spoil(item)
    Object.assign(value, { spoilt: true, name: 'spoilt', revokedAt: at(1), suspended: true })
  }
}
