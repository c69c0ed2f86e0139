/** The contract of tenants: insert, find, update, suspend. */
import assert from 'node:assert/strict'
import type { TestRunner } from '../test-runner.ts'
import type { TenantDetails, WritableKeyStore } from '../../stores/writable-key-store.ts'
import { addKey, addTenant, at, lookUp, sampleTenant, written } from './sample-records.ts'

export function tenantContract(store: () => WritableKeyStore, { describe, it }: TestRunner): void {
  describe('tenants', () => {
    it('returns an inserted tenant as given', async () => {
      const tenant = sampleTenant({ suspendedAt: at(3) })
      assert.deepEqual(written(await store().insertTenant(tenant)).record, tenant)
      assert.deepEqual(await store().findTenant(tenant.id), tenant)
    })

    it('returns null for an unknown tenant', async () => {
      assert.equal(await store().findTenant('org_nobody'), null)
      assert.equal(await store().updateTenant('org_nobody', { name: 'x' }), null)
      assert.equal(await store().findTenant('org_nobody'), null)
    })

    it('rejects an existing id and leaves that tenant unchanged', async () => {
      const tenant = sampleTenant()
      written(await store().insertTenant(tenant))
      assert.equal(await store().insertTenant(sampleTenant({ id: tenant.id, name: 'Other' })), null)
      assert.deepEqual(await store().findTenant(tenant.id), tenant)
    })

    it('accepts only one of ten simultaneous inserts with the same id', async () => {
      const { id } = sampleTenant()
      const names = Array.from({ length: 10 }, (_, i) => `tenant ${i}`)
      const answers = await Promise.all(names.map((name) => store().insertTenant(sampleTenant({ id, name }))))
      const winners = answers.filter((answer) => answer !== null)
      assert.equal(winners.length, 1)
      assert.deepEqual(await store().findTenant(id), winners[0]?.record)
    })

    it('changes only what a patch names', async () => {
      const tenant = sampleTenant()
      written(await store().insertTenant(tenant))
      const patches = [{ name: 'Renamed' }, { metadata: { a: [1, null] } }, { suspendedAt: at(9) }, {}]
      const expected: TenantDetails = { ...tenant }
      for (const patch of patches) {
        Object.assign(expected, patch)
        assert.deepEqual(written(await store().updateTenant(tenant.id, patch)).record, expected)
        assert.deepEqual(await store().findTenant(tenant.id), expected)
      }
    })

    it('keeps simultaneous changes of different columns', async () => {
      for (let round = 0; round < 10; round++) {
        const tenant = sampleTenant()
        written(await store().insertTenant(tenant))
        const patches = [{ name: 'Renamed' }, { metadata: { round } }, { suspendedAt: at(9) }]
        await Promise.all(patches.map((patch) => store().updateTenant(tenant.id, patch)))
        assert.deepEqual(await store().findTenant(tenant.id), Object.assign({}, tenant, ...patches))
      }
    })

    it('returns the current tenant in a look-up', async () => {
      const id = await addTenant(store(), { name: 'Before', metadata: { plan: 'free' } })
      const { hash } = await addKey(store(), id)
      assert.deepEqual((await lookUp(store(), hash))?.tenant, {
        id,
        name: 'Before',
        metadata: { plan: 'free' },
        suspended: false,
      })

      await store().updateTenant(id, { name: 'After', metadata: { plan: 'pro' }, suspendedAt: at(5) })
      assert.deepEqual((await lookUp(store(), hash))?.tenant, {
        id,
        name: 'After',
        metadata: { plan: 'pro' },
        suspended: true,
      })
    })

    it('deletes a tenant without keys, and rejects deleting one that has keys', async () => {
      const id = await addTenant(store())
      const key = await addKey(store(), id)
      assert.equal(await store().deleteTenant(id), 'has-keys')
      assert.equal((await lookUp(store(), key.hash))?.revokedAt, null)
      await store().revokeKey(key.id, new Date(0))
      assert.equal(await store().deleteTenant(id), 'has-keys')
      assert.equal(await store().deleteKeys([key.id], new Date()), 1)
      const deleted = await store().deleteTenant(id)
      assert.ok(deleted !== 'has-keys')
      assert.equal(written(deleted).record.id, id)
      assert.equal(await store().findTenant(id), null)
      assert.equal(await store().deleteTenant(id), null)
      assert.ok(await store().insertTenant(sampleTenant({ id })), 'its id is free again')
    })

    it('shows the suspension in look-ups of all its keys, old and new, until it is resumed', async () => {
      const id = await addTenant(store())
      const older = await addKey(store(), id)
      await store().updateTenant(id, { suspendedAt: at(5) })
      const newer = await addKey(store(), id)
      for (const suspended of [true, false]) {
        if (!suspended) await store().updateTenant(id, { suspendedAt: null })
        for (const { hash } of [older, newer]) {
          assert.equal((await lookUp(store(), hash))?.tenant.suspended, suspended)
        }
      }
    })
  })
}
