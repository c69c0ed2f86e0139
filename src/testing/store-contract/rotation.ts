/** The contract of `insertKey` with a key to retire: both are written, or neither. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, detailsOf, lookUp, sampleKey, written } from './sample-records.ts'

export function rotationContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('retiring a key while inserting another', () => {
    const cases = [
      { own: null, given: null, kept: null },
      { own: null, given: at(10), kept: at(10) },
      { own: at(20), given: null, kept: at(20) },
      { own: at(20), given: at(10), kept: at(10) },
      { own: at(5), given: at(10), kept: at(5) },
    ]
    for (const { own, given, kept } of cases) {
      const word = (date: Date | null) => date?.toISOString() ?? 'null'
      it(`with an expiry of ${word(own)} and ${word(given)} given leaves ${word(kept)}`, async () => {
        const tenantId = await addTenant(store())
        const old = await addKey(store(), tenantId, { expiresAt: own })
        const next = sampleKey(tenantId)
        const answer = written(await store().insertKey(next, { id: old.id, expiresAt: given }))
        assert.deepEqual(answer.record, detailsOf(next))
        assert.deepEqual(await store().findKey(old.id), { ...detailsOf(old), expiresAt: kept })
        assert.deepEqual((await lookUp(store(), old.hash))?.expiresAt, kept)
        assert.equal((await lookUp(store(), next.hash))?.id, next.id)
      })
    }

    it('rejects an unknown key and inserts nothing', async () => {
      const next = sampleKey(await addTenant(store()))
      assert.equal(await store().insertKey(next, { id: 'key_nobody', expiresAt: null }), 'not-retirable')
      assert.equal(await store().findKey(next.id), null)
      assert.equal(await lookUp(store(), next.hash), null)
    })

    it('rejects a key of another tenant and changes neither', async () => {
      const old = await addKey(store(), await addTenant(store()))
      const next = sampleKey(await addTenant(store()))
      assert.equal(await store().insertKey(next, { id: old.id, expiresAt: at(1) }), 'not-retirable')
      assert.equal(await store().findKey(next.id), null)
      assert.equal(await lookUp(store(), next.hash), null)
      assert.deepEqual(await store().findKey(old.id), detailsOf(old))
    })

    it('rejects a revoked key and inserts nothing', async () => {
      const tenantId = await addTenant(store())
      const old = await addKey(store(), tenantId)
      await store().revokeKey(old.id, at(1))
      const next = sampleKey(tenantId)
      assert.equal(await store().insertKey(next, { id: old.id, expiresAt: at(2) }), 'not-retirable')
      assert.equal(await store().findKey(next.id), null)
      assert.deepEqual(await store().findKey(old.id), { ...detailsOf(old), revokedAt: at(1) })
    })

    it('rejects a paused key and inserts nothing', async () => {
      const tenantId = await addTenant(store())
      const old = await addKey(store(), tenantId)
      await store().updateKey(old.id, { pausedAt: at(1) })
      const next = sampleKey(tenantId)
      assert.equal(await store().insertKey(next, { id: old.id, expiresAt: at(2) }), 'not-retirable')
      assert.equal(await store().findKey(next.id), null)
      await store().updateKey(old.id, { pausedAt: null })
      written(await store().insertKey(next, { id: old.id, expiresAt: at(2) }))
    })

    it('leaves the old key unchanged if the new one is rejected', async () => {
      const tenantId = await addTenant(store())
      const [old, other] = [await addKey(store(), tenantId), await addKey(store(), tenantId)]
      const retire = { id: old.id, expiresAt: at(1) }
      assert.equal(await store().insertKey(sampleKey(tenantId, { id: other.id }), retire), 'id-taken')
      assert.equal(await store().insertKey(sampleKey(tenantId, { hash: other.hash }), retire), 'hash-taken')
      assert.deepEqual(await store().findKey(old.id), detailsOf(old))
    })

    it('twice at the same time keeps the earliest expiry and both new keys', async () => {
      for (let round = 0; round < 10; round++) {
        const tenantId = await addTenant(store())
        const old = await addKey(store(), tenantId)
        const expiries = [at(30), at(10), at(20)]
        const answers = await Promise.all(
          expiries.map((expiresAt) => store().insertKey(sampleKey(tenantId), { id: old.id, expiresAt })),
        )
        for (const answer of answers) written(answer)
        assert.deepEqual((await store().findKey(old.id))?.expiresAt, at(10))
        assert.equal((await store().listKeys({ tenantId, limit: 10 })).length, 4)
      }
    })
  })
}
