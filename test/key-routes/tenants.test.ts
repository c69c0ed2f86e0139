import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyManager } from '../../src/keys/index.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import type { TestSession } from '../../src/testing/index.ts'
import { consoleApp } from './console-app.ts'

const ADMIN: TestSession = {
  userId: 'user_new',
  orgId: 'org_new',
  orgRole: 'org:admin',
  orgSlug: 'new-one',
}
const MEMBER: TestSession = { userId: 'user_member', orgId: 'org_new', orgRole: 'org:member' }
const CREATE = { method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } } as const
const LIST = { url: '/console/keys' } as const

describe('key routes: a tenant for each organization', () => {
  it('is created with its first key, and named after the organization', async (t) => {
    const { send, keys } = await consoleApp(t)
    const listed = await send<{ keys: unknown[]; canWrite: boolean }>(ADMIN, LIST)
    assert.deepEqual(listed.body, { keys: [], nextCursor: null, canWrite: true })
    await assert.rejects(keys.getTenant('org_new'), { code: 'TENANT_NOT_FOUND' })
    assert.equal((await send(MEMBER, CREATE)).status, 403)
    await assert.rejects(keys.getTenant('org_new'), { code: 'TENANT_NOT_FOUND' })
    assert.equal((await send(ADMIN, CREATE)).status, 201)
    const { name, metadata } = await keys.getTenant('org_new')
    assert.deepEqual([name, metadata], ['new-one', {}])
    const { orgSlug: _, ...nameless } = ADMIN
    assert.equal((await send({ ...nameless, orgId: 'org_nameless' }, CREATE)).status, 201)
    assert.equal((await keys.getTenant('org_nameless')).name, 'org_nameless')
    const orgId = `org_${'x'.repeat(150)}`
    assert.equal((await send({ ...nameless, orgId }, CREATE)).status, 201)
    assert.equal((await keys.getTenant(orgId)).name, orgId.slice(0, 100))
  })

  it('is created once by two concurrent instances', async (t) => {
    const store = new MemoryKeyStore()
    let asked = 0
    let together = () => {}
    const both = new Promise<void>((resolve) => (together = resolve))
    const newTenant = async () => {
      if (++asked === 2) together()
      await both
      return {}
    }
    const instance = (keys: KeyManager) => consoleApp(t, { options: { keys, newTenant } })
    const one = await instance(new KeyManager(store, { scopes: [] }))
    const other = await instance(withTenants(new KeyManager(store, { scopes: [] })))
    const answers = await Promise.all([one.send(ADMIN, CREATE), other.send(ADMIN, CREATE)])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201],
    )
    assert.equal((await one.keys.list({ tenantId: 'org_new' })).keys.length, 2)
  })

  it('is created as newTenant returns it, or not at all', async (t) => {
    const said = await consoleApp(t, {
      options: { newTenant: async ({ orgId }) => ({ name: `of ${orgId}`, metadata: { plan: 'free' } }) },
    })
    assert.equal((await said.send(ADMIN, CREATE)).status, 201)
    const { name, metadata } = await said.keys.getTenant('org_new')
    assert.deepEqual([name, metadata], ['of org_new', { plan: 'free' }])

    for (const newTenant of [false, () => null] as const) {
      const { send, keys } = await consoleApp(t, { options: { newTenant } })
      const listed = await send<{ canWrite: boolean }>(ADMIN, LIST)
      assert.equal(listed.body.canWrite, false, 'nobody may write if a create cannot succeed')
      const refused = await send(ADMIN, CREATE)
      assert.deepEqual([refused.status, refused.body.error.code], [404, 'TENANT_NOT_FOUND'])
      await assert.rejects(keys.getTenant('org_new'), { code: 'TENANT_NOT_FOUND' })
      await keys.createTenant({ id: 'org_new', name: 'New' })
      assert.equal((await send<{ canWrite: boolean }>(ADMIN, LIST)).body.canWrite, true)
    }
  })

  it('is not requested from newTenant if it exists', async (t) => {
    let asked = 0
    const newTenant = () => {
      asked++
      return {}
    }
    const { send } = await consoleApp(t, { options: { newTenant } })
    assert.equal((await send({ ...ADMIN, orgId: 'org_a' }, CREATE)).status, 201)
    assert.equal((await send({ ...ADMIN, orgId: 'org_a' }, LIST)).status, 200)
    const unknown = { ...CREATE, payload: { name: 'n', environment: 'moon' } }
    assert.equal((await send({ ...ADMIN, orgId: 'org_a' }, unknown)).status, 400)
    assert.equal(asked, 0)
  })

  it('is not taken for missing when the store cannot tell', async (t) => {
    const store = new MemoryKeyStore()
    const { send } = await consoleApp(t, { store })
    assert.equal((await send({ ...ADMIN, orgId: 'org_a' }, CREATE)).status, 201)
    t.mock.method(store, 'findTenant', () => Promise.reject(new Error('down')))
    assert.equal((await send(ADMIN, LIST)).status, 503)
    // A key has a tenant, so that nothing needs to be asked.
    assert.equal((await send({ ...ADMIN, orgId: 'org_a' }, LIST)).status, 200)
  })

  it('is not created with an invalid name', async (t) => {
    const { send, keys } = await consoleApp(t, { options: { newTenant: () => ({ name: '' }) } })
    const refused = await send(ADMIN, CREATE)
    assert.deepEqual([refused.status, refused.body.error.code], [400, 'KEY_INVALID'])
    await assert.rejects(keys.getTenant('org_new'), { code: 'TENANT_NOT_FOUND' })
  })
})

/** `consoleApp` creates tenants, which already exist here. */
function withTenants(keys: KeyManager): KeyManager {
  const createTenant = keys.createTenant.bind(keys)
  keys.createTenant = (options) =>
    createTenant(options).catch(async (error: unknown) => {
      if (options.id === 'org_new') throw error
      return { tenant: await keys.getTenant(String(options.id)) }
    })
  return keys
}
