/** The contract of epochs: each write that matters raises the epoch, and no other write does. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { CoherentKeyStore } from '../../stores/coherent-key-store.ts'
import type { KeyDetails, TenantDetails, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, sampleKey, writesOf, written } from './sample-records.ts'

export function epochContract(
  store: () => WritableKeyStore & CoherentKeyStore,
  { describe, it }: TestRunner,
): void {
  describe('epochs', () => {
    it('rise with every write that matters', async () => {
      const tenantId = await addTenant(store())
      const key = sampleKey(tenantId)
      let last = -1
      for (const [name, write] of writesOf(store(), key)) {
        const { epoch } = written<KeyDetails | TenantDetails>(await write())
        assert.ok(
          epoch > last,
          `${name} returned the epoch ${epoch}, which must be above ${last}, the one before`,
        )
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

    it('can be confirmed for a rotation and a revocation', async () => {
      const subject = store()
      const tenantId = await addTenant(subject)
      const key = await addKey(subject, tenantId)
      const rotation = written(await subject.insertKey(sampleKey(tenantId), { id: key.id, expiresAt: at(9) }))
      const revocation = written(await subject.revokeKey(key.id, at(1)))
      for (const write of [rotation, revocation]) {
        const confirmation = await subject.coherence.confirm(write)
        assert.equal(confirmation.epoch, write.epoch, 'confirm() must return the epoch that it was given')
        assert.equal(confirmation.confirmedBy, 'all')
        assert.ok(confirmation.waitedMs >= 0)
      }
    })
  })
}
