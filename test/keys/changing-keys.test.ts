import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import { hashKey } from '../../src/keys/key-format.ts'
import { code, inHours, lookUp, setUp, VALUES } from './set-up.ts'

describe('getting a key', () => {
  it('returns its details', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    assert.deepEqual(await keys.get(details.id), details)
    assert.deepEqual(await keys.get(details.id, { tenantId }), details)
  })

  it('rejects with KEY_NOT_FOUND if it is unknown, whatever the id', async () => {
    const { keys } = await setUp()
    for (const id of ['key_nobody', '', 'a\0b', 'x'.repeat(10_000), undefined, null, 7, {}]) {
      await assert.rejects(keys.get(id as string), code('KEY_NOT_FOUND'))
    }
  })
})

describe('another tenant\u2019s key', () => {
  it('is KEY_NOT_FOUND, like one that does not exist', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    const { details } = await keys.create({ ...VALUES, tenantId })
    const scope = { tenantId: tenant.id }
    const attempts = (id: string) => [
      () => keys.get(id, scope),
      () => keys.update(id, { name: 'mine' }, scope),
      () => keys.revoke(id, scope),
      () => keys.rotate(id, scope),
    ]
    const messages = new Set<string>()
    for (const attempt of [...attempts(details.id), ...attempts('key_nobody')]) {
      await assert.rejects(attempt(), (error) => {
        if (error instanceof Error) messages.add(error.message)
        return code('KEY_NOT_FOUND')(error)
      })
    }
    assert.equal(messages.size, 1)
    assert.deepEqual(await keys.get(details.id), details)
  })

  it('is not accessible with an invalid tenantId such as undefined', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    for (const wrong of [undefined, null, '', 7]) {
      const scope = { tenantId: wrong as string }
      await assert.rejects(keys.get(details.id, scope), code('KEY_INVALID'))
      await assert.rejects(keys.update(details.id, { name: 'mine' }, scope), code('KEY_INVALID'))
      await assert.rejects(keys.revoke(details.id, scope), code('KEY_INVALID'))
      await assert.rejects(keys.rotate(details.id, scope), code('KEY_INVALID'))
    }
    assert.deepEqual(await keys.get(details.id), details)
  })
})

describe('updating a key', () => {
  it('changes the given fields, and informs the caches before it returns', async () => {
    const { keys, store, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId, scopes: ['a'] })
    const heard: string[] = []
    store.coherence.subscribe((hashes) => heard.push(...hashes))
    const patches = [{ name: 'renamed' }, { scopes: [] }, { expiresAt: inHours(1) }, { metadata: { a: 1 } }]
    for (const [i, patch] of patches.entries()) {
      const answer = await keys.update(details.id, patch, { tenantId })
      assert.deepEqual(answer.details, Object.assign(details, patch))
      assert.equal(answer.confirmedBy, 'all')
      assert.ok(answer.epoch > 0)
      assert.deepEqual(heard, Array(i + 1).fill(hashKey(key)))
    }
    assert.equal((await keys.update(details.id, { expiresAt: null })).details.expiresAt, null)
    assert.deepEqual((await keys.update(details.id, {})).details, { ...details, expiresAt: null })
  })

  it('rejects with KEY_NOT_FOUND if it is unknown, and with KEY_REVOKED if it is revoked', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await assert.rejects(keys.update('key_nobody', { name: 'x' }), code('KEY_NOT_FOUND'))
    await keys.revoke(details.id)
    await assert.rejects(keys.update(details.id, { expiresAt: inHours(1) }), code('KEY_REVOKED'))
  })

  it('rejects invalid values with KEY_INVALID, and changes nothing', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    const wrong = [
      { name: '' },
      { scopes: ['two words'] },
      { expiresAt: new Date(0) },
      { metadata: [] },
      { name: 'good', metadata: { at: new Date() } },
    ]
    for (const patch of wrong) await assert.rejects(keys.update(details.id, patch), code('KEY_INVALID'))
    assert.deepEqual(await keys.get(details.id), details)
  })
})

describe('a key that has ended', () => {
  it('stays ended, whether it has expired or was rotated without a grace', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, store, tenantId } = await setUp()
    const expired = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(1) })
    const leaked = await keys.create({ ...VALUES, tenantId })
    t.mock.timers.tick(3_600_000)
    await keys.rotate(leaked.details.id, { grace: 0 })
    for (const { key, details } of [expired, leaked]) {
      const before = await keys.get(details.id)
      for (const patch of [{ expiresAt: null }, { expiresAt: inHours(2) }, { name: 'x' }]) {
        await assert.rejects(keys.update(details.id, patch), code('KEY_EXPIRED'))
      }
      assert.deepEqual(await keys.get(details.id), before)
      assert.ok(((await lookUp(store, hashKey(key)))?.expiresAt ?? Infinity) <= new Date())
    }
  })

  it('is not updated in the store, which may not check whether it has ended', async (t) => {
    const { keys, store, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.rotate(details.id, { grace: 0 })
    const updated = t.mock.method(store, 'updateKey')
    await assert.rejects(keys.update(details.id, { expiresAt: null }), code('KEY_EXPIRED'))
    await keys.revoke(details.id)
    await assert.rejects(keys.update(details.id, { expiresAt: null }), code('KEY_REVOKED'))
    assert.equal(updated.mock.callCount(), 0)
  })

  it('is KEY_EXPIRED even if it ends while the store updates it', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, store, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: new Date(Date.now() + 1) })
    const updateKey = store.updateKey.bind(store)
    store.updateKey = (...args) => {
      t.mock.timers.tick(1)
      return updateKey(...args)
    }
    await assert.rejects(keys.update(details.id, { expiresAt: null }), code('KEY_EXPIRED'))
  })

  it('can still be revoked', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.rotate(details.id, { grace: 0 })
    await keys.revoke(details.id)
    await assert.rejects(keys.update(details.id, { expiresAt: null }), code('KEY_REVOKED'))
  })

  it('has not ended before its last moment', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(1) })
    t.mock.timers.tick(3_599_999)
    assert.equal((await keys.update(details.id, { expiresAt: null })).details.expiresAt, null)
  })
})

describe('identifying a key', () => {
  it('returns its tenant and its status', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(1) })
    const found = await keys.identify(key)
    assert.deepEqual([found.details, found.tenant.id, found.status], [details, tenantId, 'active'])
    await keys.updateTenant(tenantId, { suspended: true })
    assert.equal((await keys.identify(key)).status, 'suspended')
    t.mock.timers.tick(3_600_000)
    assert.equal((await keys.identify(key)).status, 'expired')
    await keys.revoke(details.id)
    assert.equal((await keys.identify(key)).status, 'revoked')
  })

  it('accepts only the whole key', async () => {
    const { keys, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    for (const wrong of [
      '',
      details.id,
      key.slice(0, -1),
      `${key} `,
      hashKey(key),
      'x'.repeat(513),
      7,
      null,
    ]) {
      await assert.rejects(keys.identify(wrong as string), code('KEY_NOT_FOUND'))
    }
  })

  it('looks up no more than 512 characters', async (t) => {
    const { keys, store } = await setUp()
    const { mock } = t.mock.method(store, 'findByHash')
    for (const length of [512, 513]) {
      await assert.rejects(keys.identify('x'.repeat(length)), code('KEY_NOT_FOUND'))
      assert.equal(mock.callCount(), 1)
    }
  })
})

describe('a date of another realm', () => {
  it('is accepted, unless it is invalid', async () => {
    const { keys, tenantId } = await setUp()
    const foreign = runInNewContext('new Date(Date.now() + 3_600_000)') as Date
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: foreign })
    assert.deepEqual(details.expiresAt, new Date(foreign.getTime()))
    class Never extends Date {
      override getTime() {
        return Date.now() + 3_600_000
      }
    }
    await assert.rejects(
      keys.create({ ...VALUES, tenantId, expiresAt: new Never(Number.NaN) }),
      code('KEY_INVALID'),
    )
  })
})

describe('revoking a key', () => {
  it('ends it, and returns once the caches know', async () => {
    const { keys, store, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    const heard: string[] = []
    store.coherence.subscribe((hashes) => heard.push(...hashes))
    const answer = await keys.revoke(details.id, { tenantId })
    assert.deepEqual(heard, [hashKey(key)])
    assert.ok(answer.details.revokedAt)
    assert.equal(answer.confirmedBy, 'all')
    assert.ok((await lookUp(store, hashKey(key)))?.revokedAt)
  })

  it('again returns the time of the first revocation, and is confirmed again', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    const first = await keys.revoke(details.id)
    t.mock.timers.tick(1_000)
    const second = await keys.revoke(details.id)
    assert.deepEqual(second.details, first.details)
    assert.equal(second.confirmedBy, 'all')
    assert.ok(second.epoch >= first.epoch)
  })

  it('leaves the tenant\u2019s other keys alone', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    const other = await keys.create({ ...VALUES, tenantId })
    await keys.revoke(details.id)
    assert.deepEqual(await keys.get(other.details.id), other.details)
  })

  it('rejects with KEY_NOT_FOUND if it is unknown', async () => {
    const { keys } = await setUp()
    await assert.rejects(keys.revoke('key_nobody'), code('KEY_NOT_FOUND'))
  })
})
