/** The contract of epochs: each write that matters raises the epoch, and no other write does. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { CoherentKeyStore } from '../../stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, sampleKey, written } from './sample-records.ts'

export function epochContract(
  store: () => WritableKeyStore & CoherentKeyStore,
  { describe, it }: TestRunner,
): void {
  describe('epochs', () => {
    it('rise with every write that matters', async () => {
      const tenantId = await addTenant(store())
      const key = sampleKey(tenantId)
      const writes = [
        () => store().insertKey(key),
        () => store().updateKey(key.id, { name: 'renamed' }),
        () => store().updateKey(key.id, { scopes: ['a'] }),
        () => store().updateKey(key.id, { expiresAt: at(60) }),
        () => store().updateKey(key.id, { metadata: { a: 1 } }),
        () => store().updateTenant(tenantId, { name: 'Renamed' }),
        () => store().updateTenant(tenantId, { metadata: { a: 1 } }),
        () => store().updateTenant(tenantId, { suspendedAt: at(1) }),
        () => store().updateTenant(tenantId, { suspendedAt: null }),
        () => store().insertKey(sampleKey(tenantId), { id: key.id, expiresAt: at(30) }),
        () => store().insertKey(sampleKey(tenantId)),
        () => store().revokeKey(key.id, at(2)),
      ]
      let last = -1
      for (const [i, write] of writes.entries()) {
        const { epoch } = written<unknown>(await write())
        assert.ok(epoch > last, `write ${i}: ${epoch} comes after ${last}`)
        last = epoch
      }
    })

    it('do not rise when use is recorded', async () => {
      const tenantId = await addTenant(store())
      const key = await addKey(store(), tenantId)
      const insert = async () => written(await store().insertKey(sampleKey(tenantId))).epoch
      const start = await insert()
      const step = (await insert()) - start
      for (let i = 0; i < 5; i++) await store().recordUse(new Map([[key.id, at(i)]]))
      assert.equal(await insert(), start + 2 * step)
    })

    it('of a rotation and of a revocation can be confirmed', async () => {
      const subject = store()
      const tenantId = await addTenant(subject)
      const key = await addKey(subject, tenantId)
      const rotation = written(await subject.insertKey(sampleKey(tenantId), { id: key.id, expiresAt: at(9) }))
      const revocation = written(await subject.revokeKey(key.id, at(1)))
      for (const write of [rotation, revocation]) {
        const confirmation = await subject.coherence.confirm(write)
        assert.equal(confirmation.epoch, write.epoch)
        assert.equal(confirmation.confirmedBy, 'all')
        assert.ok(confirmation.waitedMs >= 0)
      }
    })
  })
}
