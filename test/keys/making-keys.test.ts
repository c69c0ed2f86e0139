import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hashKey, KEY_PATTERN } from '../../src/keys/key-format.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { code, HOUR, inHours, lookUp, setUp, VALUES } from './set-up.ts'

describe('creating a key', () => {
  it('answers a key that the store knows by its hash, and the details', async () => {
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
      lastUsedAt: null,
    })
  })

  it('needs no more than tenant, name and environment', async () => {
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

  it('shows the key nowhere else: not in details, not in lists', async () => {
    const { keys, tenantId } = await setUp()
    const { key, details } = await keys.create({ ...VALUES, tenantId })
    const shown = JSON.stringify([details, await keys.get(details.id), await keys.list({ tenantId })])
    assert.ok(!shown.includes(key) && !shown.includes(hashKey(key)))
  })

  it('uses the prefix and the environments of the settings', async () => {
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

  it('for a tenant that is not there is TENANT_NOT_FOUND', async () => {
    const { keys } = await setUp()
    await assert.rejects(keys.create({ ...VALUES, tenantId: 'org_nobody' }), code('TENANT_NOT_FOUND'))
  })
})

describe('an idempotency key', () => {
  it('used again makes no second key, and names the first', async () => {
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

  it('used at the same time by ten makes one key', async () => {
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

  it('is each tenant\u2019s own', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    const one = await keys.create({ ...VALUES, tenantId, idempotencyKey: 'once' })
    const other = await keys.create({ ...VALUES, tenantId: tenant.id, idempotencyKey: 'once' })
    assert.notEqual(one.details.id, other.details.id)
  })

  it('of a rotation makes no second key either', async () => {
    const { keys, tenantId } = await setUp()
    const { details } = await keys.create({ ...VALUES, tenantId })
    await keys.rotate(details.id, { idempotencyKey: 'once' })
    await assert.rejects(keys.rotate(details.id, { idempotencyKey: 'once' }), code('KEY_EXISTS'))
    assert.equal((await keys.list({ tenantId })).keys.length, 2)
  })

  it('is answered first, whatever else the time that has passed has made wrong', async (t) => {
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

  it('that is empty or no string is KEY_INVALID', async () => {
    const { keys, tenantId } = await setUp()
    for (const idempotencyKey of ['', 'x'.repeat(201), 7 as never, null as never]) {
      await assert.rejects(keys.create({ ...VALUES, tenantId, idempotencyKey }), code('KEY_INVALID'))
    }
  })
})

describe('importing a key', () => {
  const hash = hashKey('an old key of another form')
  const imported = { ...VALUES, hash, start: 'sk_', last4: 'form' }

  it('makes it known by its hash, and tells the caches: it may have been refused a moment ago', async () => {
    const { keys, store, tenantId } = await setUp()
    const heard: string[] = []
    store.coherence.subscribe((hashes) => heard.push(...hashes))
    const answer = await keys.import({ ...imported, tenantId, scopes: ['a'], expiresAt: inHours(1) })
    assert.deepEqual(heard, [hash])
    assert.equal(answer.confirmedBy, 'all')
    assert.equal((await lookUp(store, hash))?.id, answer.details.id)
    assert.deepEqual([answer.details.start, answer.details.last4], ['sk_', 'form'])
  })

  it('with a hash that is there is KEY_EXISTS, in another tenant too', async () => {
    const { keys, tenantId } = await setUp()
    const { tenant } = await keys.createTenant({ name: 'Other' })
    await keys.import({ ...imported, tenantId })
    await assert.rejects(keys.import({ ...imported, tenantId }), code('KEY_EXISTS'))
    await assert.rejects(keys.import({ ...imported, tenantId: tenant.id }), code('KEY_EXISTS'))
  })

  it('takes a hash, and not the key itself', async () => {
    const { keys, tenantId } = await setUp()
    const wrong = [
      { hash: 'an old key of another form' },
      { hash: hash.toUpperCase() },
      { hash: undefined as never },
      { start: 'x'.repeat(41) },
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
  })

  it('shows no whole key by its two ends', async () => {
    const { keys, tenantId } = await setUp()
    const key = '123e4567-e89b-12d3-a456-426614174000'
    const hash = hashKey(key)
    const shown = [
      [key, ''],
      [key, '4000'],
      [key.slice(0, -4), '4000'],
      [key.slice(0, -2), '4000'],
    ] as const
    for (const [start, last4] of shown) {
      await assert.rejects(keys.import({ ...imported, tenantId, hash, start, last4 }), code('KEY_INVALID'))
    }
    await keys.import({ ...imported, tenantId, hash, start: key.slice(0, 8), last4: '4000' })
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
    it(`${name} that is not acceptable is KEY_INVALID, named, and makes nothing`, async () => {
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

  it('at their limits are acceptable', async () => {
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

  it('outside the list of scopes are KEY_INVALID', async () => {
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
