import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey, KEY_PATTERN } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { code, HOUR, inHours, lookUp, setUp, VALUES } from './set-up.ts'

describe('creating a key', () => {
  it('returns a key that the store finds by its hash, and the details', async () => {
    const { keys, store, tenantId } = await setUp()
    const before = Date.now()
    const { key, details } = await keys.create({
      ...VALUES,
      tenantId,
      scopes: ['a', 'b'],
      expiresAt: inHours(1),
      metadata: { team: 'core' },
      createdBy: 'user_1',
    })
    assert.equal(key.match(KEY_PATTERN)?.[0], key)
    assert.ok(key.startsWith('tk_live_'))
    assert.equal((await lookUp(store, hashKey(key)))?.id, details.id)
    const { id, createdAt, ...rest } = details
    assert.match(id, /^key_[0-9a-f]{32}$/)
    assert.ok(createdAt.getTime() >= before && createdAt.getTime() <= Date.now())
    assert.deepEqual(rest, {
      tenantId,
      name: 'server',
      environment: 'live',
      scopes: ['a', 'b'],
      metadata: { team: 'core' },
      start: key.slice(0, 'tk_live_'.length + 4),
      last4: key.slice(-4),
      createdBy: 'user_1',
      expiresAt: rest.expiresAt,
      revokedAt: null,
      pausedAt: null,
      networks: null,
      lastUsedAt: null,
    })
  })

  it('requires only tenant, name and environment', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    const { scopes, metadata, expiresAt, createdBy } = details
    assert.deepEqual(
      { scopes, metadata, expiresAt, createdBy },
      {
        scopes: [],
        metadata: {},
        expiresAt: null,
        createdBy: null,
      },
    )
  })

  it('tells the store that no instance can have looked the key up, unlike an imported or rotated one', async (t) => {
    const { keys, store, tenantId } = await setUp()
    const insertKey = t.mock.method(store, 'insertKey')
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.import({ ...VALUES, tenantId, hash: 'ab'.repeat(32), start: '', last4: '' })
    await keys.rotate(details.id)
    const fresh = insertKey.mock.calls.map(({ arguments: given }) => (given as unknown[])[2])
    assert.deepEqual(fresh, [true, false, false])
  })

  it('never shows the key again, in details or lists', async () => {
    const { keys, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    const shown = JSON.stringify([details, await keys.get(details.id), await keys.list({ tenantId })])
    assert.ok(!shown.includes(key) && !shown.includes(hashKey(key)))
  })

  it('uses the configured prefix and environments', async () => {
    const store = new MemoryKeyStore()
    const keys = new KeyManager(store, { prefix: 'loom', environments: ['prod'] })
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'prod' })
    assert.match(key, /^loom_prod_/)
  })

  it('drops repeated scopes', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, scopes: ['b', 'a', 'b'] })
    assert.deepEqual(details.scopes, ['b', 'a'])
  })

  it('rejects an unknown tenant with TENANT_NOT_FOUND', async () => {
    const { keys } = await setUp()
    await assert.rejects(keys.create({ ...VALUES, tenantId: 'org_nobody' }), code('TENANT_NOT_FOUND'))
  })
})

describe('an idempotency key', () => {
  it('creates no second key when it is used again, and names the first', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId, idempotencyKey: 'once' })
    for (const name of ['server', 'other']) {
      await assert.rejects(keys.create({ ...VALUES, tenantId, name, idempotencyKey: 'once' }), (error) => {
        assert.ok(error instanceof Error)
        assert.ok(error.message.includes(details.id))
        assert.ok(!error.message.includes('once'))
        return code('KEY_EXISTS')(error)
      })
    }
    assert.equal((await keys.list({ tenantId })).keys.length, 1)
  })

  it('creates one key for ten concurrent calls', async () => {
    const { keys, tenantId } = await setUp()
    const attempts = Array.from({ length: 10 }, () =>
      keys.create({ ...VALUES, tenantId, idempotencyKey: 'once' }).then(
        () => 'made',
        () => 'refused',
      ),
    )
    assert.equal((await Promise.all(attempts)).filter((outcome) => outcome === 'made').length, 1)
    assert.equal((await keys.list({ tenantId })).keys.length, 1)
  })

  it('yields the same id in every version', async () => {
    const { keys } = await setUp()
    await keys.createTenant({ id: 'org_acme', name: 'Acme' })
    const { details } = await keys.create({ ...VALUES, tenantId: 'org_acme', idempotencyKey: 'once' })
    // SHA-256 of both, separated by NUL, computed elsewhere.
    assert.equal(details.id, 'key_ca0615d4bd518e01daa0359373a298bb')
  })

  it('belongs to one tenant', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    const one = await keys.create({ ...VALUES, tenantId, idempotencyKey: 'once' })
    const other = await keys.create({ ...VALUES, tenantId: tenant.id, idempotencyKey: 'once' })
    assert.notEqual(one.details.id, other.details.id)
  })

  it('creates no second key for a rotation either', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.rotate(details.id, { idempotencyKey: 'once' })
    await assert.rejects(keys.rotate(details.id, { idempotencyKey: 'once' }), code('KEY_EXISTS'))
    assert.equal((await keys.list({ tenantId })).keys.length, 2)
  })

  it('is checked first, whatever else has become invalid in the meantime', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const expiring = { ...VALUES, tenantId, expiresAt: new Date(Date.now() + 250), idempotencyKey: 'create' }
    await keys.create(expiring)
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.rotate(details.id, { grace: 0, idempotencyKey: 'rotate' })
    t.mock.timers.tick(260)
    await assert.rejects(keys.create(expiring), code('KEY_EXISTS'))
    await assert.rejects(keys.rotate(details.id, { grace: 0, idempotencyKey: 'rotate' }), code('KEY_EXISTS'))
    await keys.revoke(details.id)
    await assert.rejects(keys.rotate(details.id, { grace: 0, idempotencyKey: 'rotate' }), code('KEY_EXISTS'))
    assert.equal((await keys.list({ tenantId })).keys.length, 3)
  })

  it('is KEY_INVALID if it is empty, too long or not a string', async () => {
    const { keys, tenantId } = await setUp()
    for (const idempotencyKey of ['', 'x'.repeat(201), 7 as never, null as never]) {
      await assert.rejects(keys.create({ ...VALUES, tenantId, idempotencyKey }), code('KEY_INVALID'))
    }
  })
})

describe('importing a key', () => {
  const hash = hashKey('an old key of another form')
  const imported = { ...VALUES, hash, start: 'sk_', last4: 'form' }

  it('stores its hash, and informs the caches, which may have refused it before', async () => {
    const { keys, store, tenantId } = await setUp()
    const heard: string[] = []
    store.coherence.subscribe((hashes) => heard.push(...hashes))
    const answer = await keys.import({ ...imported, tenantId, scopes: ['a'], expiresAt: inHours(1) })
    assert.deepEqual(heard, [hash])
    assert.equal(answer.confirmedBy, 'all')
    assert.equal((await lookUp(store, hash))?.id, answer.details.id)
    assert.deepEqual([answer.details.start, answer.details.last4], ['sk_', 'form'])
  })

  it('rejects an existing hash with KEY_EXISTS, even for another tenant', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    await keys.import({ ...imported, tenantId })
    await assert.rejects(keys.import({ ...imported, tenantId }), code('KEY_EXISTS'))
    await assert.rejects(keys.import({ ...imported, tenantId: tenant.id }), code('KEY_EXISTS'))
  })

  it('accepts a hash, but not the key itself', async () => {
    const { keys, tenantId } = await setUp()
    const wrong = [
      { hash: 'an old key of another form' },
      { hash: hash.toUpperCase() },
      { hash: undefined as never },
      { start: 'x'.repeat(9) },
      { start: 'sk_live_12345' },
      { start: `${'a'.repeat(16)}_${'b'.repeat(16)}_cc_1234` },
      { start: 'two words' },
      { start: undefined as never },
      { last4: 'abcde' },
      { last4: 'é' },
      { name: '' },
      { environment: 'other' },
    ]
    for (const values of wrong) {
      await assert.rejects(keys.import({ ...imported, tenantId, ...values }), code('KEY_INVALID'))
    }
    await keys.import({ ...imported, tenantId, start: '', last4: '' })
    const longest = `${'a'.repeat(16)}_${'b'.repeat(16)}_cc_123`
    await keys.import({ ...imported, tenantId, hash: 'ab'.repeat(32), start: longest })
  })

  it('rejects a start and last4 that reveal most of the key', async () => {
    const { keys, tenantId } = await setUp()
    for (const key of ['123e4567-e89b-12d3-a456-426614174000', 'sk_4000']) {
      const hash = hashKey(key)
      const shown = [
        [key, ''],
        [key, '4000'],
        [key.slice(0, -4), '4000'],
        [key.slice(0, -2), '4000'],
        // Of this last4, only the end is that of the key.
        [key.slice(0, -2), 'xx00'],
      ] as const
      for (const [start, last4] of shown) {
        await assert.rejects(
          keys.import({ ...imported, tenantId, hash, start, last4 }),
          code('KEY_INVALID'),
          start,
        )
      }
      await keys.import({ ...imported, tenantId, hash, start: key.slice(0, 2), last4: '4000' })
    }
  })
})

describe('the life of a key', () => {
  const DAY = 24 * HOUR
  const end = (key: { details: { expiresAt: Date | null } }) => key.details.expiresAt?.getTime()

  it('ends by default as configured', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const now = Date.now()
    for (const [options, expected] of [
      [{}, undefined],
      [{ defaultLifetime: DAY }, now + DAY],
      [{ maxLifetime: 2 * DAY }, now + 2 * DAY],
      [{ maxLifetime: 2 * DAY, defaultLifetime: DAY }, now + DAY],
    ] as const) {
      const { keys, tenantId } = await setUp(options)
      assert.equal(end(await keys.create({ ...VALUES, tenantId })), expected)
    }
    const { keys, tenantId } = await setUp({ defaultLifetime: DAY })
    assert.equal(end(await keys.create({ ...VALUES, tenantId, expiresAt: null })), undefined)
  })

  it('ends in the future, by the year 9999', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, tenantId } = await setUp()
    const last = Date.UTC(10_000, 0) - 1
    for (const time of [Date.now(), last + 1])
      await assert.rejects(
        keys.create({ ...VALUES, tenantId, expiresAt: new Date(time) }),
        code('KEY_INVALID'),
      )
    for (const time of [Date.now() + 1, last])
      assert.equal(end(await keys.create({ ...VALUES, tenantId, expiresAt: new Date(time) })), time)
  })

  it('is at most maxLifetime, by whichever call it is set', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { keys, store, tenantId } = await setUp({ maxLifetime: DAY })
    const { details } = await keys.create({ ...VALUES, tenantId, expiresAt: inHours(24) })
    const { id } = details
    t.mock.timers.tick(HOUR)
    for (const expiresAt of [null, inHours(25)]) {
      for (const attempt of [
        () => keys.create({ ...VALUES, tenantId, expiresAt }),
        () => keys.import({ ...VALUES, tenantId, expiresAt, hash: 'ab'.repeat(32), start: '', last4: '' }),
        () => keys.rotate(id, { expiresAt }),
        () => keys.update(id, { expiresAt }),
      ]) {
        await assert.rejects(attempt, code('KEY_LIFETIME_TOO_LONG'))
      }
    }
    // Counted from when the key was created, not from each change.
    await assert.rejects(keys.update(id, { expiresAt: inHours(24) }), code('KEY_LIFETIME_TOO_LONG'))
    await keys.update(id, { expiresAt: inHours(23) })
    const longer = new KeyManager(store, { maxLifetime: 25 * HOUR })
    await assert.rejects(longer.create({ ...VALUES, tenantId, expiresAt: null }), /at most 1\.04 days after/)
    // A key created without a limit does not pass that on to its successor.
    const unlimited = await new KeyManager(store).create({ ...VALUES, tenantId })
    assert.equal(end(await keys.rotate(unlimited.details.id)), Date.now() + DAY)
  })
})

describe('maxKeys', () => {
  it('counts the live keys of a tenant, by whichever call they are created', async () => {
    const { keys, tenantId } = await setUp({ maxKeys: 2 })
    const imported = { ...VALUES, tenantId, hash: 'ab'.repeat(32), start: '', last4: '' }
    const first = await keys.create({ ...VALUES, tenantId })
    await keys.import(imported)
    for (const attempt of [
      () => keys.create({ ...VALUES, tenantId }),
      () => keys.import({ ...imported, hash: 'cd'.repeat(32) }),
      () => keys.rotate(first.details.id),
    ]) {
      await assert.rejects(attempt, { code: 'KEY_LIMIT_REACHED', statusCode: 409 })
    }
    assert.equal((await keys.list({ tenantId })).keys.length, 2, 'no key is created in vain')
    const next = await keys.rotate(first.details.id, { grace: 0 })
    await keys.revoke(next.details.id)
    await keys.create({ ...VALUES, tenantId })
    const { tenant } = await keys.createTenant({ name: 'Other' })
    const { details } = await keys.create({ ...VALUES, tenantId: tenant.id })
    await keys.rotate(details.id)
  })

  it('has an imported key that is one too many revoked on all instances before it is refused', async (t) => {
    const { keys, store, tenantId } = await setUp({ maxKeys: 1 })
    const listed = t.mock.method(store, 'listKeys')
    const confirmed = t.mock.method(store.coherence, 'confirm')
    const insertKey = store.insertKey.bind(store)
    store.insertKey = async (key, ...rest) => {
      await insertKey({ ...key, id: 'key_other', hash: 'cd'.repeat(32) })
      return insertKey(key, ...rest)
    }
    const imported = { ...VALUES, tenantId, hash: 'ab'.repeat(32), start: '', last4: '' }
    await assert.rejects(keys.import(imported), code('KEY_LIMIT_REACHED'))
    assert.equal(confirmed.mock.callCount(), 1)
    assert.ok((await lookUp(store, imported.hash))?.revokedAt)
    // One more than allowed is enough to see that there are too many.
    const limits = listed.mock.calls.map(({ arguments: [page] }) => page.limit)
    assert.deepEqual(new Set(limits), new Set([2]))
  })

  it('is never exceeded by concurrent calls', async () => {
    const store = new MemoryKeyStore()
    const managers = [1, 2, 3].map(() => new KeyManager(store, { maxKeys: 3 }))
    const [keys] = managers as [KeyManager]
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const { details: old } = await keys.create({ ...VALUES, tenantId: tenant.id })
    const calls = [
      (manager: KeyManager) => manager.create({ ...VALUES, tenantId: tenant.id }),
      (manager: KeyManager, i: number) =>
        manager.import({ ...VALUES, tenantId: tenant.id, hash: hashKey(`${i}`), start: '', last4: '' }),
      (manager: KeyManager) => manager.rotate(old.id),
    ]
    for (const call of calls) {
      const attempts = Array.from({ length: 30 }, (_, i) => call(managers[i % 3] as KeyManager, i))
      const made = (await Promise.allSettled(attempts)).flatMap((outcome) =>
        outcome.status === 'fulfilled' ? [outcome.value.details.id] : [],
      )
      const { keys: live } = await keys.list({ tenantId: tenant.id, status: 'active', limit: 100 })
      assert.deepEqual(new Set(live.map(({ id }) => id)), new Set([old.id, ...made]))
      assert.ok(live.length <= 3, String(live.length))
      for (const id of made) await keys.revoke(id)
    }
  })
})

describe('a key in a field that is stored', () => {
  it('is rejected, whatever the field, and not repeated', async () => {
    const { keys, store, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    const before = await store.listKeys({ tenantId, limit: 10 })
    const text = `my key ${key}!`
    const attempts = {
      name: () => keys.create({ ...VALUES, tenantId, name: text }),
      'name, changed': () => keys.update(details.id, { name: key }),
      scopes: () => keys.create({ ...VALUES, tenantId, scopes: [key] }),
      metadata: () => keys.create({ ...VALUES, tenantId, metadata: { a: [text] } }),
      createdBy: () => keys.create({ ...VALUES, tenantId, createdBy: key }),
      'createdBy, rotated': () => keys.rotate(details.id, { createdBy: key }),
      idempotencyKey: () => keys.create({ ...VALUES, tenantId, idempotencyKey: key }),
      tenantId: () => keys.create({ ...VALUES, tenantId: key }),
      id: () => keys.createTenant({ id: key, name: 'x' }),
      'name of a tenant': () => keys.createTenant({ name: text }),
      'name of a tenant, changed': () => keys.updateTenant(tenantId, { name: text }),
      'metadata of a tenant': () => keys.updateTenant(tenantId, { metadata: { [key]: 1 } }),
    }
    for (const [name, attempt] of Object.entries(attempts)) {
      await assert.rejects(attempt, (error) => {
        assert.ok(error instanceof Error && !error.message.includes(key), name)
        assert.match(error.message, /must be without an API key/)
        return code('KEY_INVALID')(error)
      })
    }
    assert.deepEqual(await store.listKeys({ tenantId, limit: 10 }), before)
  })

  it('is not looked up as an id', async (t) => {
    const { keys, store, tenantId } = await setUp()
    const { key } = await keys.create({ ...VALUES, tenantId })
    const found = t.mock.method(store, 'findKey')
    await assert.rejects(keys.get(key), code('KEY_NOT_FOUND'))
    await assert.rejects(keys.getTenant(key), code('TENANT_NOT_FOUND'))
    assert.equal(found.mock.callCount(), 0)
  })
})

describe('values of a key', () => {
  const bad: Record<string, readonly unknown[]> = {
    tenantId: [undefined, '', 7, 'x'.repeat(201), 'a\0b'],
    name: [
      undefined,
      '',
      '  ',
      'x'.repeat(101),
      'two\nlines',
      'two\u2028lines',
      'fdp.\u202eexe',
      '\ud800',
      7,
    ],
    environment: [undefined, '', 'prod', 'Live', 7, '__proto__'],
    scopes: [
      null,
      'a',
      ['a b'],
      [''],
      ['a"b'],
      ['a\\b'],
      ['é'],
      ['a\n'],
      [7],
      ['x'.repeat(101)],
      Array.from({ length: 101 }, (_, i) => `s${i}`),
    ],
    expiresAt: [
      new Date(Date.now() - 1),
      new Date(0),
      new Date(Number.NaN),
      new Date(8.64e15),
      '2999-01-01',
      4e12,
      {},
    ],
    metadata: [
      null,
      'text',
      7,
      [],
      new Map(),
      { at: new Date() },
      { gone: undefined },
      { call: () => {} },
      { big: 1n },
      { not: Number.NaN },
      { nul: 'a\0b' },
      { half: '\udc00' },
      { 'nul\0': 1 },
      { long: 'é'.repeat(2_048) },
      cyclic(),
    ],
    createdBy: ['', 7, 'x'.repeat(201), 'a\nb', 'a\u2028b'],
  }
  for (const [name, values] of Object.entries(bad)) {
    it(`with an invalid ${name} are KEY_INVALID, which names it, and create no key`, async () => {
      const { keys, tenantId } = await setUp()
      for (const value of values) {
        await assert.rejects(keys.create({ ...VALUES, tenantId, [name]: value }), (error) => {
          assert.ok(error instanceof Error && error.message.startsWith(`${name} must be `), String(error))
          return code('KEY_INVALID')(error)
        })
      }
      assert.deepEqual((await keys.list({ tenantId })).keys, [])
    })
  }

  it('are accepted at their limits', async () => {
    const { keys, tenantId } = await setUp()
    const good = {
      name: ['x'.repeat(100), '租户 🔑', `'; DROP TABLE keys; --`],
      scopes: [[], ['!#[]~'], ['x'.repeat(100)], Array.from({ length: 100 }, (_, i) => `s${i}`)],
      expiresAt: [null, new Date(Date.now() + HOUR), new Date(Date.UTC(9999, 11, 31, 23, 59, 59, 999))],
      metadata: [{}, { long: 'x'.repeat(4_085) }, { nested: [{ a: null }, 1, 'two', true] }],
      createdBy: [null, 'user_1', 'x'.repeat(200)],
    }
    for (const [name, values] of Object.entries(good)) {
      for (const value of values) {
        const { details } = await keys.create({ ...VALUES, tenantId, [name]: value })
        assert.deepEqual(details[name as keyof typeof good], value)
      }
    }
  })

  it('with scopes outside the configured list are KEY_INVALID', async () => {
    const store = new MemoryKeyStore()
    const keys = new KeyManager(store, { scopes: ['verify:write', 'usage:read'] })
    const { tenant } = await keys.createTenant({ name: 'Acme' })
    const create = (scopes: string[]) => keys.create({ ...VALUES, tenantId: tenant.id, scopes })
    const { details } = await create(['usage:read'])
    await assert.rejects(create(['usage:read', 'admin']), {
      code: 'KEY_INVALID',
      message: 'scopes must be among verify:write, usage:read',
    })
    await assert.rejects(keys.update(details.id, { scopes: ['admin'] }), code('KEY_INVALID'))
  })
})

function cyclic(): object {
  const value: Record<string, unknown> = {}
  value['self'] = value
  return value
}
