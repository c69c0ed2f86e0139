import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey } from '../../src/keys/key-format.ts'
import { code, lookUp, setUp, VALUES } from './set-up.ts'

describe('a tenant', () => {
  it('is created with a generated id or a given one', async () => {
    const { keys } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Acme', metadata: { plan: 'pro' } })
    assert.match(tenant.id, /^tenant_[0-9a-f]{24}$/)
    assert.deepEqual([tenant.name, tenant.metadata, tenant.suspendedAt], ['Acme', { plan: 'pro' }, null])
    assert.deepEqual(await keys.getTenant(tenant.id), tenant)
    assert.equal((await keys.createTenant({ id: 'org_1', name: 'Acme' })).tenant.id, 'org_1')
  })

  it('is listed on the next page after one with the longest id that there is, made at the earliest time', async () => {
    const { keys, store } = await setUp()
    for (const id of ['a', '租'.repeat(200)]) {
      const createdAt = new Date(-8.64e15)
      await store.insertTenant({ id, name: 'of old', metadata: {}, createdAt, suspendedAt: null })
    }
    const { nextCursor } = await keys.listTenants({ search: 'of old', limit: 1 })
    assert.equal(nextCursor?.length, 824)
    const { tenants } = await keys.listTenants({ search: 'of old', limit: 1, cursor: nextCursor ?? '' })
    assert.equal(tenants[0]?.id, 'a')
  })

  it('is TENANT_EXISTS if its id is taken', async () => {
    const { keys } = await setUp()
    await keys.createTenant({ id: 'org_1', name: 'Acme' })
    await assert.rejects(keys.createTenant({ id: 'org_1', name: 'Other' }), code('TENANT_EXISTS'))
    assert.equal((await keys.getTenant('org_1')).name, 'Acme')
  })

  it('is KEY_INVALID with invalid values', async () => {
    const { keys, tenantId } = await setUp()
    const wrong = [
      { id: '', name: 'Acme' },
      { id: 'x'.repeat(201), name: 'Acme' },
      { id: 'a\nb', name: 'Acme' },
      { id: 7 as never, name: 'Acme' },
      { name: '' },
      { name: undefined as never },
      { name: 'Acme', metadata: [] },
    ]
    for (const values of wrong) await assert.rejects(keys.createTenant(values), code('KEY_INVALID'))
    await assert.rejects(keys.updateTenant(tenantId, { name: ' ' }), code('KEY_INVALID'))
    await assert.rejects(keys.updateTenant(tenantId, { metadata: new Map() }), code('KEY_INVALID'))
  })

  it('is TENANT_NOT_FOUND if it does not exist', async () => {
    const { keys } = await setUp()
    for (const id of ['org_nobody', '', 'a\0b', undefined, 7]) {
      const wrong = id as string
      await assert.rejects(keys.getTenant(wrong), code('TENANT_NOT_FOUND'))
      await assert.rejects(keys.updateTenant(wrong, { name: 'x' }), code('TENANT_NOT_FOUND'))
      await assert.rejects(keys.updateTenant(wrong, { suspended: true }), code('TENANT_NOT_FOUND'))
      await assert.rejects(keys.updateTenant(wrong, { suspended: false }), code('TENANT_NOT_FOUND'))
    }
  })

  it('can be renamed, and its metadata replaced, independently', async () => {
    const { keys } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Acme', metadata: { plan: 'pro' } })
    const renamed = await keys.updateTenant(tenant.id, { name: 'Acme Ltd' })
    assert.deepEqual(renamed.tenant, { ...tenant, name: 'Acme Ltd' })
    assert.equal(renamed.confirmedBy, 'all')
    const { tenant: changed } = await keys.updateTenant(tenant.id, { metadata: {} })
    assert.deepEqual(changed, { ...tenant, name: 'Acme Ltd', metadata: {} })
  })

  it('can be suspended and resumed, of which the caches know before either returns', async () => {
    const { keys, store, tenantId } = await setUp()
    const hashes = new Set<string>()
    for (let i = 0; i < 3; i++) hashes.add(hashKey((await keys.create({ ...VALUES, tenantId })).key))
    let heard = new Set<string>()
    store.coherence.subscribe((changed) => (heard = new Set([...heard, ...changed])))
    for (const suspended of [true, false]) {
      heard = new Set()
      const change = suspended
        ? await keys.updateTenant(tenantId, { suspended: true })
        : await keys.updateTenant(tenantId, { suspended: false })
      assert.equal(change.confirmedBy, 'all')
      assert.equal(change.tenant.suspendedAt !== null, suspended)
      assert.deepEqual(heard, hashes)
      for (const hash of hashes) assert.equal((await lookUp(store, hash))?.tenant.suspended, suspended)
    }
  })

  it('keeps the time of its suspension when it is suspended again', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const first = await keys.updateTenant(tenantId, { suspended: true })
    t.mock.timers.tick(1_000)
    const second = await keys.updateTenant(tenantId, { suspended: true })
    assert.deepEqual(second.tenant, first.tenant)
    assert.equal(second.confirmedBy, 'all')
  })
})
