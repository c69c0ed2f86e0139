/** The contract of lists: newest first, whole pages, and stable while keys are being made. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { KeyDetails, NewKey, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, detailsOf, sampleKey, written } from './sample-records.ts'

export function listContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('listing keys', () => {
    it('answers an empty list for a tenant without keys, and for one that is not there', async () => {
      assert.deepEqual(await store().listKeys({ tenantId: await addTenant(store()), limit: 10 }), [])
      assert.deepEqual(await store().listKeys({ tenantId: 'org_nobody', limit: 10 }), [])
    })

    it('answers the details of each key of this tenant and of no other, revoked and expired ones too', async () => {
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

    it('fills each page: as many as the limit where there are as many', async () => {
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

    it('goes on after a key that is not there', async () => {
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

    it('shows each key once though keys of the same millisecond are made between pages', async () => {
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
        if (seen.length > 100) assert.fail('the list must come to its end')
      }
      const ids = seen.map((key) => key.id)
      assert.equal(new Set(ids).size, ids.length, 'no key is shown twice')
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
  tenantId: string,
  limit: number,
): AsyncGenerator<KeyDetails[]> {
  let after: KeyDetails | undefined
  for (;;) {
    const page = await store.listKeys({ tenantId, limit, after })
    after = page.at(-1)
    if (after === undefined) return
    yield page
  }
}

async function allPages(store: WritableKeyStore, tenantId: string, limit: number): Promise<KeyDetails[][]> {
  const pages: KeyDetails[][] = []
  for await (const page of pagesOf(store, tenantId, limit)) pages.push(page)
  return pages
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : 1
}
