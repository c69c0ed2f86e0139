/** The contract of lists: newest first, full pages, and stable while keys are being made. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { KeyDetails, KeyFilter, NewKey, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, detailsOf, sampleKey, sampleTenant, written } from './sample-records.ts'

/** In the past by any store's clock. */
const LONG_AGO = new Date(Date.UTC(2001, 0, 1))

export function listContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('a filter', () => {
    /** One key of each kind, with the name and the environment of its kind. */
    async function addKinds(tenantId: string): Promise<void> {
      const add = (name: string, values: Partial<NewKey> = {}) =>
        addKey(store(), tenantId, { name, environment: name, createdAt: LONG_AGO, ...values })
      const revoked = await add('Revoked 100%', { expiresAt: at(9) })
      const paused = await add('Paused_ÄB')
      await add('expired', { expiresAt: LONG_AGO })
      const used = await add('Active Used', { expiresAt: at(5) })
      await add('active young', { createdAt: at(3) })
      await store().revokeKey(revoked.id, at(1))
      await store().updateKey(paused.id, { pausedAt: at(2), networks: ['192.0.2.0/24'] })
      await store().recordUse(new Map([[used.id, at(7)]]))
    }

    const all = ['Active Used', 'Paused_ÄB', 'Revoked 100%', 'active young', 'expired']
    const cases: [KeyFilter, string[]][] = [
      [{}, all],
      [{ status: undefined, environment: undefined, name: undefined, endsBefore: undefined }, all],
      [{ status: 'active' }, ['Active Used', 'active young']],
      [{ status: 'paused' }, ['Paused_ÄB']],
      [{ status: 'expired' }, ['expired']],
      [{ status: 'revoked' }, ['Revoked 100%']],
      [{ environment: 'expired' }, ['expired']],
      [{ environment: 'Expired' }, []],
      [{ name: 'ACTIVE' }, ['Active Used', 'active young']],
      [{ name: '0%' }, ['Revoked 100%']],
      [{ name: '_Äb' }, ['Paused_ÄB']],
      [{ name: 'äb' }, []],
      [{ name: '%' }, ['Revoked 100%']],
      [{ name: '.*' }, []],
      [{ unusedSince: at(3) }, ['Paused_ÄB', 'Revoked 100%', 'expired']],
      [{ unusedSince: new Date(at(7).getTime() + 1) }, all],
      [{ unusedSince: LONG_AGO }, []],
      [{ endsBefore: at(1) }, ['expired']],
      [{ endsBefore: at(2) }, ['Revoked 100%', 'expired']],
      [{ endsBefore: at(6) }, ['Active Used', 'Revoked 100%', 'expired']],
      [{ status: 'active', name: 'used', endsBefore: at(6) }, ['Active Used']],
    ]
    it('returns only the keys that match all of it', async () => {
      const tenantId = await addTenant(store())
      await addKinds(tenantId)
      await addKinds(await addTenant(store()))
      for (const [filter, names] of cases) {
        const found = await store().listKeys({ ...filter, tenantId, limit: 10 })
        assert.deepEqual(found.map((key) => key.name).sort(byCodeUnit), names, JSON.stringify(filter))
      }
    })

    it('fills each page, however many keys do not match', async () => {
      const tenantId = await addTenant(store())
      for (let i = 0; i < 12; i++) {
        await addKey(store(), tenantId, { createdAt: at(i), environment: i % 4 === 0 ? 'test' : 'live' })
      }
      const pages = await allPages(store(), tenantId, 2, { environment: 'test' })
      assert.deepEqual(
        pages.map((page) => page.map((key) => key.createdAt)),
        [[at(8), at(4)], [at(0)]],
      )
    })

    it('without a tenant returns the keys of all tenants, newest first, each once', async () => {
      const environment = sampleKey('').id
      const made: NewKey[] = []
      for (let i = 0; i < 7; i++) {
        made.push(await addKey(store(), await addTenant(store()), { createdAt: at(i), environment }))
      }
      const pages = await allPages(store(), undefined, 3, { environment })
      assert.deepEqual(pages.flat(), made.map(detailsOf).reverse())
    })
  })

  describe('listing tenants', () => {
    it('returns those whose name or id matches the search, newest first, each once', async () => {
      const word = sampleKey('').id
      const tenants = [
        sampleTenant({ name: `Acme ${word}`, createdAt: at(1) }),
        sampleTenant({ id: `org_${word}`, createdAt: at(3), suspendedAt: at(4) }),
        sampleTenant({ name: word.toUpperCase(), createdAt: at(2), metadata: {} }),
      ]
      for (const tenant of [...tenants, sampleTenant()]) await store().insertTenant(tenant)
      const expected = [tenants[1], tenants[2], tenants[0]]
      assert.deepEqual(await store().listTenants({ search: word, limit: 10 }), expected)
      const seen = []
      for (let after; ;) {
        const page = await store().listTenants({ search: word, limit: 1, after })
        seen.push(...page)
        after = page[0]
        if (after === undefined) break
      }
      assert.deepEqual(seen, expected)
      assert.deepEqual(await store().listTenants({ search: `${word}%`, limit: 10 }), [])
      const [newest] = await store().listTenants({ limit: 1 })
      assert.ok(newest, 'without a search, any tenant must be listed')
    })
  })

  describe('deleting keys', () => {
    it('deletes every trace of those that ended before the given time, and no others', async () => {
      const tenantId = await addTenant(store())
      const add = (values: Partial<NewKey> = {}) => addKey(store(), tenantId, values)
      const [live, soon] = [await add(), await add({ expiresAt: at(1) })]
      const expired = await add({ expiresAt: new Date(LONG_AGO.getTime() - 1) })
      const [revoked, lately] = [await add(), await add()]
      await store().revokeKey(revoked.id, new Date(LONG_AGO.getTime() - 1))
      await store().revokeKey(lately.id, LONG_AGO)
      await store().recordUse(new Map([[revoked.id, LONG_AGO]]))
      const ids = [live, soon, expired, revoked, lately].map((key) => key.id)
      assert.equal(await store().deleteKeys(['key_nobody', ...ids], LONG_AGO), 2)
      assert.equal(await store().deleteKeys(ids, LONG_AGO), 0)
      assert.equal(await store().deleteKeys([], LONG_AGO), 0)
      const early = await store().deleteKeys([live.id, soon.id], at(9))
      assert.equal(early, 0, 'a key that has yet to expire stays, even if endedBefore is later still')
      for (const { id, hash } of [expired, revoked]) {
        assert.equal(await store().findKey(id), null)
        assert.equal(await store().findByHash(hash, { signal: new AbortController().signal }), null)
      }
      const left = await store().listKeys({ tenantId, limit: 10 })
      assert.deepEqual(new Set(left.map((key) => key.id)), new Set([live.id, soon.id, lately.id]))
      assert.ok(await store().updateTenant(tenantId, { name: 'still whole' }))
      written(await store().insertKey({ ...sampleKey(tenantId), id: revoked.id }))
      assert.equal((await store().findKey(revoked.id))?.lastUsedAt, null)
    })

    it('deletes a key that was revoked by a clock ahead of its own', async () => {
      const key = await addKey(store(), await addTenant(store()))
      await store().revokeKey(key.id, at(60))
      assert.equal(await store().deleteKeys([key.id], at(59)), 0)
      assert.equal(await store().deleteKeys([key.id], at(61)), 1)
    })

    it('deletes a thousand at once', async () => {
      const tenantId = await addTenant(store())
      const keys = Array.from({ length: 1_000 }, () => sampleKey(tenantId, { expiresAt: LONG_AGO }))
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => store().insertKey(key, undefined, true)))
      }
      const ids = keys.map((key) => key.id)
      assert.equal(await store().deleteKeys(ids, new Date()), 1_000)
      assert.deepEqual(await store().listKeys({ tenantId, limit: 1 }), [])
    })
  })

  describe('listing keys', () => {
    it('returns an empty list for a tenant without keys and for an unknown tenant', async () => {
      assert.deepEqual(await store().listKeys({ tenantId: await addTenant(store()), limit: 10 }), [])
      assert.deepEqual(await store().listKeys({ tenantId: 'org_nobody', limit: 10 }), [])
    })

    it('returns the details of every key of this tenant only, including revoked and expired ones', async () => {
      const [tenantId, otherId] = [await addTenant(store()), await addTenant(store())]
      const revoked = await addKey(store(), tenantId, { createdAt: at(3) })
      const expired = await addKey(store(), tenantId, { createdAt: at(2), expiresAt: at(-60) })
      const used = await addKey(store(), tenantId, { createdAt: at(1) })
      await addKey(store(), otherId)
      await store().revokeKey(revoked.id, at(9))
      await store().recordUse(new Map([[used.id, at(8)]]))
      assert.deepEqual(await store().listKeys({ tenantId, limit: 10 }), [
        { ...detailsOf(revoked), revokedAt: at(9) },
        detailsOf(expired),
        { ...detailsOf(used), lastUsedAt: at(8) },
      ])
    })

    it('orders by creation, newest first, and within a millisecond by id, by code unit', async () => {
      const tenantId = await addTenant(store())
      const unique = sampleKey(tenantId).id
      const suffixes = ['a', 'B', '_', '0', 'b', '-', 'A', 'aa', '.']
      for (const suffix of suffixes) await addKey(store(), tenantId, { id: `${unique}${suffix}` })
      const newer = await addKey(store(), tenantId, { createdAt: new Date(at(0).getTime() + 1) })
      const older = await addKey(store(), tenantId, { createdAt: new Date(at(0).getTime() - 1) })
      const expected = suffixes.toSorted(byCodeUnit).reverse()
      assert.deepEqual(
        (await store().listKeys({ tenantId, limit: 50 })).map((key) => key.id),
        [newer.id, ...expected.map((suffix) => `${unique}${suffix}`), older.id],
      )
    })

    it('fills each page up to the limit', async () => {
      const tenantId = await addTenant(store())
      for (let i = 0; i < 7; i++) await addKey(store(), tenantId, { createdAt: at(i) })
      for (const limit of [1, 3, 7, 8]) {
        const pages = await allPages(store(), tenantId, limit)
        assert.deepEqual(
          pages.map((page) => page.length),
          Array.from({ length: Math.ceil(7 / limit) }, (_, i) => Math.min(limit, 7 - i * limit)),
        )
        assert.equal(new Set(pages.flat().map((key) => key.id)).size, 7)
      }
    })

    it('continues after a key that no longer exists', async () => {
      const tenantId = await addTenant(store())
      const [older, newer] = [
        await addKey(store(), tenantId, { createdAt: at(1) }),
        await addKey(store(), tenantId, { createdAt: at(3) }),
      ]
      const after = async (seconds: number) =>
        (
          await store().listKeys({ tenantId, limit: 10, after: { createdAt: at(seconds), id: 'key_gone' } })
        ).map((key) => key.id)
      assert.deepEqual(await after(4), [newer.id, older.id])
      assert.deepEqual(await after(2), [older.id])
      assert.deepEqual(await after(0), [])
    })

    it('shows each key once, even if keys of the same millisecond are created between pages', async () => {
      const tenantId = await addTenant(store())
      const before: NewKey[] = []
      for (let i = 0; i < 9; i++) before.push(await addKey(store(), tenantId, { createdAt: at(0) }))
      const seen: KeyDetails[] = []
      for await (const page of pagesOf(store(), tenantId, 2)) {
        seen.push(...page)
        await addKey(store(), tenantId, { createdAt: at(0) })
        await addKey(store(), tenantId, { createdAt: at(1) })
        const [first] = page
        if (first) written(await store().updateKey(first.id, { name: 'changed between pages' }))
        if (seen.length > 100) assert.fail('the list must end')
      }
      const ids = seen.map((key) => key.id)
      assert.equal(new Set(ids).size, ids.length, 'the list must not contain a key twice')
      assert.deepEqual(
        before.map((key) => key.id).filter((id) => !ids.includes(id)),
        [],
        'no key that was there is left out',
      )
    })
  })
}

/** Pages until one is empty. */
async function* pagesOf(
  store: WritableKeyStore,
  tenantId: string | undefined,
  limit: number,
  filter: KeyFilter = {},
): AsyncGenerator<KeyDetails[]> {
  let after: KeyDetails | undefined
  for (;;) {
    const page = await store.listKeys({ ...filter, tenantId, limit, after })
    after = page.at(-1)
    if (after === undefined) return
    yield page
  }
}

async function allPages(...options: Parameters<typeof pagesOf>): Promise<KeyDetails[][]> {
  const pages: KeyDetails[][] = []
  for await (const page of pagesOf(...options)) pages.push(page)
  return pages
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : 1
}
