import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey } from '../../src/keys/key-format.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { code, inHours, lookUp, setUp, VALUES } from './set-up.ts'

describe('pausing a key', () => {
  it('is undone by resuming it, and keeps its time when it is repeated', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, store, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    const paused = await keys.update(details.id, { paused: true })
    assert.deepEqual([paused.details.pausedAt, paused.confirmedBy], [new Date(), 'all'])
    t.mock.timers.tick(1_000)
    assert.deepEqual((await keys.update(details.id, { paused: true })).details, paused.details)
    assert.equal((await keys.identify(key)).status, 'paused')
    assert.ok((await lookUp(store, hashKey(key)))?.pausedAt)
    assert.equal((await keys.update(details.id, { paused: false, name: 'back' })).details.pausedAt, null)
    assert.equal((await keys.identify(key)).status, 'active')
    await assert.rejects(keys.update(details.id, { paused: 1 as never }), code('KEY_INVALID'))
  })

  it('prevents rotating it, and still counts it towards maxKeys', async () => {
    const { keys, tenantId } = await setUp({ maxKeys: 1 })
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.update(details.id, { paused: true })
    await assert.rejects(keys.rotate(details.id), code('KEY_PAUSED'))
    await assert.rejects(keys.create({ ...VALUES, tenantId }), code('KEY_LIMIT_REACHED'))
  })

  it('prevents a rotation that has read the key before', async () => {
    const store = new MemoryKeyStore()
    const { keys, tenantId } = await setUp({}, store)
    const { details } = await keys.create({ ...VALUES, tenantId })
    const insertKey = store.insertKey.bind(store)
    store.insertKey = async (...args) => {
      await store.updateKey(details.id, { pausedAt: new Date() })
      return insertKey(...args)
    }
    await assert.rejects(keys.rotate(details.id), code('KEY_PAUSED'))
    assert.equal((await keys.list({ tenantId })).keys.length, 1)
  })

  it('does not keep a rotation that came first from returning the new key', async () => {
    const { keys, store, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    const insertKey = store.insertKey.bind(store)
    store.insertKey = async (...args) => {
      const written = await insertKey(...args)
      await store.updateKey(details.id, { pausedAt: new Date() })
      return written
    }
    const { key } = await keys.rotate(details.id)
    assert.equal((await keys.identify(key)).status, 'active')
  })
})

describe('networks of a key', () => {
  it('are stored as given, changed by an update, and passed on by a rotation', async () => {
    const { keys, tenantId } = await setUp()
    const networks = ['192.0.2.0/24', '2001:db8::/32', '198.51.100.7', '::1']
    const { details } = await keys.create({ ...VALUES, tenantId, networks: [...networks, '::1'] })
    assert.deepEqual(details.networks, networks)
    assert.deepEqual((await keys.rotate(details.id)).details.networks, networks)
    assert.deepEqual((await keys.update(details.id, { name: 'x' })).details.networks, networks)
    assert.equal((await keys.update(details.id, { networks: null })).details.networks, null)
    assert.equal((await keys.create({ ...VALUES, tenantId })).details.networks, null)
  })

  it('are at most a hundred', async () => {
    const { keys, tenantId } = await setUp()
    const networks = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`)
    assert.deepEqual((await keys.create({ ...VALUES, tenantId, networks })).details.networks, networks)
    const more = [...networks, '192.0.2.100']
    await assert.rejects(keys.create({ ...VALUES, tenantId, networks: more }), code('KEY_INVALID'))
  })

  it('are KEY_INVALID if they are not networks', async () => {
    const { keys, tenantId } = await setUp()
    const wrong: unknown[] = [
      [],
      '192.0.2.0/24',
      ['192.0.2.0/33'],
      ['2001:db8::/129'],
      ['192.0.2.0/'],
      ['192.0.2.0/-1'],
      ['192.0.2.0/08'],
      ['192.0.2'],
      ['192.0.2.256'],
      ['fe80::1%eth0'],
      ['example.com'],
      [' 192.0.2.1'],
      ['192.0.2.1', null],
    ]
    for (const networks of wrong) {
      const create = keys.create({ ...VALUES, tenantId, networks: networks as never })
      await assert.rejects(create, code('KEY_INVALID'), JSON.stringify(networks))
    }
  })
})

describe('a filtered list', () => {
  it('returns what matches, of one tenant, or of all if tenantId is null', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ id: 'org_other', name: 'Other Acme' })
    await keys.create({ ...VALUES, tenantId, name: 'billing', expiresAt: inHours(1) })
    const paused = await keys.create({ ...VALUES, tenantId: tenant.id, environment: 'test' })
    await keys.update(paused.details.id, { paused: true })
    const names = async (filter: object) =>
      (await keys.list({ tenantId: null, ...filter })).keys.map((key) => key.name)
    assert.deepEqual(await names({ status: 'paused' }), ['server'])
    assert.deepEqual(await names({ environment: 'test', tenantId }), [])
    assert.deepEqual(await names({ name: 'BILL' }), ['billing'])
    assert.deepEqual(await names({ endsBefore: inHours(2) }), ['billing'])
    assert.deepEqual(await names({ endsBefore: new Date(Date.UTC(10_000, 0) - 1) }), ['billing'])
    assert.deepEqual(await names({ unusedSince: inHours(-1) }), [])
    const { tenants } = await keys.listTenants({ search: 'other' })
    assert.deepEqual(tenants, [tenant])
    const first = await keys.listTenants({ limit: 1 })
    const second = await keys.listTenants({ limit: 1, cursor: first.nextCursor ?? '' })
    assert.deepEqual([first.tenants.length, second.tenants.length, second.nextCursor], [1, 1, null])
  })

  it('is KEY_INVALID with an invalid filter, or without a tenantId, which does not mean all', async () => {
    const { keys, tenantId } = await setUp()
    const wrong: object[] = [
      {},
      { tenantId: undefined },
      { tenantId, status: 'suspended' },
      { tenantId, name: '' },
      { tenantId, unusedSince: 'yesterday' },
      { tenantId, endsBefore: new Date(Number.NaN) },
      { tenantId, endsBefore: new Date(Date.UTC(10_000, 0)) },
      { tenantId, endsbefore: new Date() },
    ]
    for (const options of wrong) await assert.rejects(keys.list(options as never), code('KEY_INVALID'))
    for (const options of [{ search: '' }, { limit: 0 }, { cursor: 'x' }, { name: 'x' }]) {
      await assert.rejects(keys.listTenants(options), code('KEY_INVALID'))
    }
  })
})
