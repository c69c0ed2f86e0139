import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey } from '../../src/keys/key-format.ts'
import { code, lookUp, setUp, VALUES } from './set-up.ts'

describe('a tenant', () => {
  it('is made with an id of its own or one that is given', async () => {
    const { keys } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Acme', metadata: { plan: 'pro' } })
    assert.match(tenant.id, /^tenant_[0-9a-f]{24}$/)
    assert.deepEqual([tenant.name, tenant.metadata, tenant.suspendedAt], ['Acme', { plan: 'pro' }, null])
    assert.deepEqual(await keys.getTenant(tenant.id), tenant)
    assert.equal((await keys.createTenant({ id: 'org_1', name: 'Acme' })).tenant.id, 'org_1')
  })

  it('with an id that is taken is TENANT_EXISTS', async () => {
    const { keys } = await setUp()
    await keys.createTenant({ id: 'org_1', name: 'Acme' })
    await assert.rejects(keys.createTenant({ id: 'org_1', name: 'Other' }), code('TENANT_EXISTS'))
    assert.equal((await keys.getTenant('org_1')).name, 'Acme')
  })

  it('with values that are not acceptable is KEY_INVALID', async () => {
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

  it('that is not there is TENANT_NOT_FOUND', async () => {
    const { keys } = await setUp()
    for (const id of ['org_nobody', '', 'a\0b', undefined, 7]) {
      const wrong = id as string
      await assert.rejects(keys.getTenant(wrong), code('TENANT_NOT_FOUND'))
      await assert.rejects(keys.updateTenant(wrong, { name: 'x' }), code('TENANT_NOT_FOUND'))
      await assert.rejects(keys.updateTenant(wrong, { suspended: true }), code('TENANT_NOT_FOUND'))
      await assert.rejects(keys.updateTenant(wrong, { suspended: false }), code('TENANT_NOT_FOUND'))
    }
  })

  it('is renamed, and its metadata replaced, one without the other', async () => {
    const { keys } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Acme', metadata: { plan: 'pro' } })
    const renamed = await keys.updateTenant(tenant.id, { name: 'Acme Ltd' })
    assert.deepEqual(renamed.tenant, { ...tenant, name: 'Acme Ltd' })
    assert.equal(renamed.confirmedBy, 'all')
    const { tenant: changed } = await keys.updateTenant(tenant.id, { metadata: {} })
    assert.deepEqual(changed, { ...tenant, name: 'Acme Ltd', metadata: {} })
  })

  it('is suspended and resumed, and the caches know of all of its keys before either returns', async () => {
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

  it('that is suspended again keeps the moment from which it is', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const first = await keys.updateTenant(tenantId, { suspended: true })
    t.mock.timers.tick(1_000)
    const second = await keys.updateTenant(tenantId, { suspended: true })
    assert.deepEqual(second.tenant, first.tenant)
    assert.equal(second.confirmedBy, 'all')
  })
})
