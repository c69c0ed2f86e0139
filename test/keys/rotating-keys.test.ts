import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey } from '../../src/keys/key-format.ts'
import { code, HOUR, inHours, lookUp, setUp, VALUES } from './set-up.ts'

const YEAR = 365 * 24 * HOUR

describe('rotating a key', () => {
  it('creates one with the same fields, and leaves the old one valid', async () => {
    const { keys, store, tenantId } = await setUp()
    const old = await keys.create({
      ...VALUES,
      tenantId,
      scopes: ['a'],
      metadata: { team: 'core' },
      expiresAt: inHours(5),
      createdBy: 'user_1',
    })
    const next = await keys.rotate(old.details.id, { createdBy: 'user_2' })
    assert.notEqual(next.key, old.key)
    const { id, start, last4, createdAt, ...same } = next.details
    assert.notEqual(id, old.details.id)
    assert.ok(createdAt >= old.details.createdAt)
    assert.deepEqual([start, last4], [next.key.slice(0, 12), next.key.slice(-4)])
    const { name, environment, scopes, metadata, expiresAt } = old.details
    assert.deepEqual(same, {
      tenantId,
      name,
      environment,
      scopes,
      metadata,
      expiresAt,
      createdBy: 'user_2',
      revokedAt: null,
      pausedAt: null,
      networks: null,
      lastUsedAt: null,
    })
    assert.deepEqual(next.retired, old.details)
    assert.equal(next.confirmedBy, 'all')
    assert.equal((await lookUp(store, hashKey(old.key)))?.id, old.details.id)
    assert.equal((await lookUp(store, hashKey(next.key)))?.id, id)
  })

  for (const grace of [0, 1, HOUR, YEAR]) {
    it(`ends the old key after a grace of ${grace} ms`, async () => {
      const { keys, tenantId } = await setUp()
      const { details } = await keys.create({ ...VALUES, tenantId })
      const before = Date.now()
      const { retired } = await keys.rotate(details.id, { grace })
      const end = retired.expiresAt?.getTime() ?? assert.fail('it must end')
      assert.ok(end >= before + grace && end <= Date.now() + grace)
      assert.deepEqual(await keys.get(details.id), retired)
    })
  }

  it('requires an expiry if the key has ended', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.rotate(details.id, { grace: 0 })
    await assert.rejects(keys.rotate(details.id), {
      code: 'KEY_INVALID',
      message: 'The key has expired: set expiresAt for the new key',
    })
    const expiresAt = inHours(1)
    assert.deepEqual((await keys.rotate(details.id, { expiresAt })).details.expiresAt, expiresAt)
    assert.equal((await keys.rotate(details.id, { expiresAt: null })).details.expiresAt, null)
  })

  it('never extends the life of the old key', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(1) })
    const { retired } = await keys.rotate(details.id, { grace: 2 * HOUR })
    assert.deepEqual(retired, details)
    assert.deepEqual(await keys.get(details.id), details)
  })

  it('informs the caches about the old key before it returns', async () => {
    const { keys, store, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    const heard: string[] = []
    store.coherence.subscribe((hashes) => heard.push(...hashes))
    await keys.rotate(details.id, { grace: 0 })
    assert.ok(heard.includes(hashKey(key)))
  })

  it('keeps the expiry, unless it is given another one', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(1) })
    const later = inHours(9)
    assert.deepEqual((await keys.rotate(details.id)).details.expiresAt, details.expiresAt)
    assert.deepEqual((await keys.rotate(details.id, { expiresAt: later })).details.expiresAt, later)
    assert.equal((await keys.rotate(details.id, { expiresAt: null })).details.expiresAt, null)
  })

  it('accepts a new expiry for an expired key', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(1) })
    t.mock.timers.tick(2 * HOUR)
    await assert.rejects(keys.rotate(details.id), code('KEY_INVALID'))
    const next = await keys.rotate(details.id, { expiresAt: inHours(1), grace: HOUR })
    assert.deepEqual(next.retired.expiresAt, details.expiresAt)
  })

  it('rejects a revoked key with KEY_REVOKED, and creates nothing', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.revoke(details.id)
    await assert.rejects(keys.rotate(details.id), code('KEY_REVOKED'))
    assert.equal((await keys.list({ tenantId })).keys.length, 1)
  })

  it('rejects an unknown key or one of another tenant with KEY_NOT_FOUND, and creates nothing', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    const { details } = await keys.create({ ...VALUES, tenantId })
    await assert.rejects(keys.rotate('key_nobody'), code('KEY_NOT_FOUND'))
    await assert.rejects(keys.rotate(details.id, { tenantId: tenant.id, grace: 0 }), code('KEY_NOT_FOUND'))
    assert.equal((await keys.list({ tenantId })).keys.length, 1)
    assert.deepEqual(await keys.get(details.id), details)
  })

  it('rejects invalid values with KEY_INVALID, and creates nothing', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    const wrong = [
      { grace: -1 },
      { grace: 0.5 },
      { grace: YEAR + 1 },
      { grace: '5' as never },
      { grace: null as never },
      { expiresAt: new Date(0) },
      { createdBy: '' },
      { idempotencyKey: '' },
      { tenantId: undefined as never },
    ]
    for (const options of wrong) await assert.rejects(keys.rotate(details.id, options), code('KEY_INVALID'))
    assert.equal((await keys.list({ tenantId })).keys.length, 1)
  })

  it('rejects a key in an environment that no longer exists with KEY_INVALID', async () => {
    const { store, keys, tenantId } = await setUp({ environments: ['old'] })
    const { details } = await keys.create({ tenantId, name: 'server', environment: 'old' })
    const { keys: now } = await setUp({}, store)
    await assert.rejects(now.rotate(details.id), code('KEY_INVALID'))
  })
})
