import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey } from '../../src/keys/key-format.ts'
import type { KeyDetails } from '../../src/stores/writable-key-store.ts'
import { code, HOUR, inHours, lookUp, setUp, VALUES } from './set-up.ts'

describe('deleting a tenant', () => {
  it('deletes its keys, whether live, paused or ended, and informs the caches', async () => {
    const { keys, store, tenantId } = await setUp()
    const { tenant: other } = await keys.createTenant({ name: 'Other' })
    const kept = await keys.create({ ...VALUES, tenantId: other.id })
    const made = []
    for (let i = 0; i < 20; i++) made.push(await keys.create({ ...VALUES, tenantId }))
    await keys.update(made[0]?.details.id ?? '', { paused: true })
    await keys.revoke(made[1]?.details.id ?? '')
    const heard = new Set<string>()
    store.coherence.subscribe((hashes) => hashes.forEach((hash) => heard.add(hash)))
    const deleted = await keys.deleteTenant(tenantId)
    assert.deepEqual([deleted.tenant.id, deleted.confirmedBy], [tenantId, 'all'])
    assert.deepEqual(heard, new Set(made.map(({ key }) => hashKey(key))))
    for (const { key, details } of made) {
      assert.equal(await lookUp(store, hashKey(key)), null)
      await assert.rejects(keys.get(details.id), code('KEY_NOT_FOUND'))
    }
    await assert.rejects(keys.getTenant(tenantId), code('TENANT_NOT_FOUND'))
    await assert.rejects(keys.deleteTenant(tenantId), code('TENANT_NOT_FOUND'))
    assert.deepEqual(await keys.get(kept.details.id), kept.details)
  })

  it('completes if keys are created meanwhile, and after it was interrupted', async () => {
    const { keys, store, tenantId } = await setUp()
    await keys.create({ ...VALUES, tenantId })
    const deleteTenant = store.deleteTenant.bind(store)
    let interrupted = 0
    store.deleteTenant = async (id) => {
      interrupted++
      if (interrupted === 1) await keys.create({ ...VALUES, tenantId })
      if (interrupted === 2) throw new Error('the connection broke')
      return deleteTenant(id)
    }
    await assert.rejects(keys.deleteTenant(tenantId), code('KEY_STORE_UNAVAILABLE'))
    assert.ok((await keys.getTenant(tenantId)).suspendedAt, 'what is left is suspended')
    await keys.deleteTenant(tenantId)
    await assert.rejects(keys.getTenant(tenantId), code('TENANT_NOT_FOUND'))
  })

  it('is TENANT_NOT_FOUND if another call deletes it at the same moment', async () => {
    const { keys, store, tenantId } = await setUp()
    const deleteTenant = store.deleteTenant.bind(store)
    store.deleteTenant = async (id) => {
      await deleteTenant(id)
      return deleteTenant(id)
    }
    await assert.rejects(keys.deleteTenant(tenantId), code('TENANT_NOT_FOUND'))
  })

  it('differs from revokeTenant, which revokes the keys and keeps everything', async () => {
    const { keys, tenantId } = await setUp()
    for (let i = 0; i < 3; i++) await keys.create({ ...VALUES, tenantId })
    const { tenant } = await keys.revokeTenant(tenantId)
    assert.ok(tenant.suspendedAt)
    const { keys: left } = await keys.list({ tenantId })
    assert.deepEqual(
      left.map((key) => key.revokedAt !== null),
      [true, true, true],
    )
    assert.equal((await keys.revokeTenant(tenantId)).confirmedBy, 'all', 'it can be repeated')
  })

  it('revokes eight keys at a time, and confirms the last revocation', async () => {
    const { keys, store, tenantId } = await setUp()
    for (const count of [3, 20]) {
      for (let i = 0; i < count; i++) await keys.create({ ...VALUES, tenantId })
      const revokeKey = store.revokeKey.bind(store)
      let running = 0
      let most = 0
      store.revokeKey = async (...args) => {
        most = Math.max(most, ++running)
        await new Promise(setImmediate)
        running--
        return revokeKey(...args)
      }
      const { epoch } = await keys.revokeTenant(tenantId)
      assert.equal(most, Math.min(count, 8))
      // Each change has the next epoch, so this one follows the last revocation.
      assert.equal((await keys.updateTenant(tenantId, { name: 'Acme' })).epoch, epoch + 1)
      store.revokeKey = revokeKey
    }
  })

  it('lists 10,000 live keys at a time, until none are left', async () => {
    const { keys, store, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    let left = 10_001
    store.listKeys = async ({ status, limit }) => {
      const count = status === 'active' ? Math.min(left, limit) : 0
      return Array.from({ length: count }, (_, i) => ({ ...details, id: `key_${i}` }))
    }
    store.revokeKey = async (id, revokedAt) => ({ record: { ...details, id, revokedAt }, epoch: left-- })
    await keys.revokeTenant(tenantId)
    assert.equal(left, 0)
  })
})

describe('purging keys', () => {
  it('deletes those that ended before a time, of one tenant or of all', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    const revoked = await keys.create({ ...VALUES, tenantId })
    await keys.create({ ...VALUES, tenantId: tenant.id, expiresAt: inHours(1) })
    const live = await keys.create({ ...VALUES, tenantId })
    await keys.revoke(revoked.details.id)
    t.mock.timers.tick(2 * HOUR)
    const lately = await keys.create({ ...VALUES, tenantId })
    await keys.revoke(lately.details.id)
    const endedBefore = inHours(-0.5)
    assert.deepEqual(await keys.purge({ tenantId, endedBefore }), { deleted: 1 })
    assert.deepEqual(await keys.purge({ endedBefore }), { deleted: 1 })
    assert.deepEqual(await keys.purge({ endedBefore }), { deleted: 0 })
    // Nothing has ended before the moment at which it ended.
    assert.deepEqual(await keys.purge({ endedBefore: new Date() }), { deleted: 0 })
    await assert.rejects(keys.purge({ endedBefore: new Date(Date.now() + 1) }), code('KEY_INVALID'))
    const { keys: left } = await keys.list({ tenantId: null })
    assert.deepEqual(new Set(left.map((key) => key.id)), new Set([lately.details.id, live.details.id]))
  })

  it('asks the store for steps of 10,000 keys to list and 1,000 to delete, until none are left', async () => {
    const { keys, store, tenantId } = await setUp()
    await keys.create({ ...VALUES, tenantId })
    const [key] = await store.listKeys({ tenantId, limit: 1 })
    let left = 20_500
    const steps: number[] = []
    store.listKeys = async ({ limit }) => {
      steps.push(limit)
      return Array.from(
        { length: Math.min(left, limit) },
        (_, i) => ({ ...key, id: `key_${i}` }) as KeyDetails,
      )
    }
    store.deleteKeys = async (ids) => {
      steps.push(ids.length)
      left -= ids.length
      return ids.length
    }
    assert.deepEqual(await keys.purge({ tenantId, endedBefore: inHours(-1) }), { deleted: 20_500 })
    const tens = Array.from({ length: 10 }, () => 1_000)
    assert.deepEqual(steps, [10_000, ...tens, 10_000, ...tens, 10_000, 500])
  })

  it('stops when none of the keys that the store lists can be deleted', async () => {
    const { keys, store, tenantId } = await setUp()
    await keys.create({ ...VALUES, tenantId })
    const [key] = await store.listKeys({ tenantId, limit: 1 })
    store.listKeys = async ({ limit }) =>
      Array.from({ length: limit }, (_, i) => ({ ...key, id: `key_${i}` }) as KeyDetails)
    store.deleteKeys = async () => 0
    assert.deepEqual(await keys.purge({ tenantId, endedBefore: inHours(-1) }), { deleted: 0 })
  })

  it('rejects a time that is not in the past, and an undefined tenantId', async () => {
    const { keys } = await setUp()
    const wrong = [
      { endedBefore: inHours(1) },
      { endedBefore: new Date(Number.NaN) },
      {},
      { endedBefore: inHours(-1), tenantId: undefined },
      { endedBefore: inHours(-1), tenantID: 'org_1' },
    ]
    for (const options of wrong) await assert.rejects(keys.purge(options as never), code('KEY_INVALID'))
  })
})
