import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { InjectOptions } from 'fastify'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { ADMIN_OF_A, ADMIN_OF_B, type Answer, consoleApp, MEMBER_OF_A } from './console-app.ts'

interface Target {
  name: string
  /** A valid request. */
  request: (id: string) => InjectOptions
  writes: boolean
  takesBody: boolean
}

const TARGETS: Target[] = [
  { name: 'GET /keys', request: () => ({ url: '/console/keys' }), writes: false, takesBody: false },
  {
    name: 'POST /keys',
    request: () => ({ method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } }),
    writes: true,
    takesBody: true,
  },
  {
    name: 'GET /keys/:id',
    request: (id) => ({ url: `/console/keys/${id}` }),
    writes: false,
    takesBody: false,
  },
  {
    name: 'PATCH /keys/:id',
    request: (id) => ({ method: 'PATCH', url: `/console/keys/${id}`, payload: { name: 'other' } }),
    writes: true,
    takesBody: true,
  },
  {
    name: 'POST /keys/:id/rotate',
    request: (id) => ({ method: 'POST', url: `/console/keys/${id}/rotate`, payload: { graceSeconds: 1 } }),
    writes: true,
    takesBody: true,
  },
  {
    name: 'DELETE /keys/:id',
    request: (id) => ({ method: 'DELETE', url: `/console/keys/${id}` }),
    writes: true,
    takesBody: false,
  },
]
const WITH_ID = TARGETS.filter(({ name }) => name.includes(':id'))
const WITH_BODY = TARGETS.filter(({ takesBody }) => takesBody)

/** Asserts that an error has the envelope only, names its request, and contains nothing of the key. */
function assertRefused(answer: Answer<unknown>, status: number, code: string): void {
  assert.deepEqual(
    [answer.status, answer.headers['content-type']],
    [status, 'application/json; charset=utf-8'],
  )
  const { request_id, error, ...rest } = answer.body as { request_id: string; error: Record<string, string> }
  assert.deepEqual(rest, {})
  assert.equal(typeof request_id, 'string')
  assert.deepEqual([Object.keys(error), error.code], [['code', 'message'], code])
  assert.doesNotMatch(answer.text, /tk_live_|[0-9a-f]{64}/)
  assert.equal(answer.headers['retry-after'], status === 503 ? '1' : undefined)
}

/** An app with one key of organization A. */
async function withKey(test: TestContext) {
  const store = new MemoryKeyStore()
  const fixture = await consoleApp(test, { store })
  const { details } = await fixture.keys.create({
    tenantId: 'org_a',
    name: 'secret name',
    environment: 'live',
  })
  const unchanged = async () => assert.deepEqual(await fixture.keys.get(details.id), details)
  return { ...fixture, store, id: details.id, details, unchanged }
}

describe('key routes: access', () => {
  for (const { name, request, writes } of TARGETS) {
    it(`${name} requires a session`, async (t) => {
      const { send, id, unchanged } = await withKey(t)
      const answer = await send(null, request(id))
      assertRefused(answer, 401, 'AUTH_INVALID_TOKEN')
      assert.match(String(answer.headers['www-authenticate']), /^Bearer/)
      await unchanged()
    })

    it(`${name} requires an active organization`, async (t) => {
      const { send, id, unchanged } = await withKey(t)
      assertRefused(await send({ userId: 'user_alone' }, request(id)), 403, 'AUTH_FORBIDDEN')
      await unchanged()
    })

    it(`${name} is ${writes ? 'forbidden' : 'allowed'} for a member`, async (t) => {
      const { send, id, unchanged } = await withKey(t)
      const answer = await send(MEMBER_OF_A, request(id))
      if (writes) {
        assertRefused(answer, 403, 'AUTH_FORBIDDEN')
        assert.match(String(answer.headers['www-authenticate']), /^Bearer .*error="insufficient_scope"$/)
      } else assert.equal(answer.status, 200)
      await unchanged()
    })
  }

  for (const { name, request } of WITH_ID) {
    it(`${name} answers the same for another organization's key as for an unknown one`, async (t) => {
      const { send, id, unchanged } = await withKey(t)
      const foreign = await send(ADMIN_OF_B, request(id))
      const unknown = await send(ADMIN_OF_B, request('key_unknown'))
      assertRefused(foreign, 404, 'KEY_NOT_FOUND')
      assert.deepEqual(foreign.body.error, unknown.body.error)
      await unchanged()
    })
  }

  it('GET and POST /keys ignore or refuse a tenant that the request names', async (t) => {
    const { send, id } = await withKey(t)
    const listed = await send<{ keys: unknown[] }>(ADMIN_OF_B, {
      url: '/console/keys',
      headers: { 'x-tenant-id': 'org_a' },
    })
    assert.deepEqual(listed.body.keys, [])
    assertRefused(await send(ADMIN_OF_B, { url: '/console/keys?tenantId=org_a' }), 400, 'VALIDATION_FAILED')
    const payload = { name: 'n', environment: 'live', tenantId: 'org_a' }
    const created = await send(ADMIN_OF_B, { method: 'POST', url: '/console/keys', payload })
    assertRefused(created, 400, 'VALIDATION_FAILED')
    const own = await send<{ keys: { id: string }[] }>(MEMBER_OF_A, { url: '/console/keys' })
    assert.deepEqual(
      own.body.keys.map((key) => key.id),
      [id],
    )
  })

  it('GET /keys answers 503 if tenantOf does not resolve in time', async (t) => {
    let asked = () => {}
    const asking = new Promise<void>((resolve) => (asked = resolve))
    const tenantOf = () => {
      asked()
      return new Promise<never>(() => {})
    }
    const { send } = await consoleApp(t, { options: { tenantOf } })
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const refused = send(ADMIN_OF_A, { url: '/console/keys' })
    await asking
    t.mock.timers.tick(5_000)
    const answer = await refused
    assertRefused(answer, 503, 'AUTH_UNAVAILABLE')
    assert.equal(answer.headers['retry-after'], '1')
  })

  it('every route answers 403 to a member before it reads the body', async (t) => {
    const { send, id } = await withKey(t)
    for (const { request } of WITH_BODY) {
      const answer = await send(MEMBER_OF_A, { ...request(id), payload: '{"broken', headers: JSON_TYPE })
      assertRefused(answer, 403, 'AUTH_FORBIDDEN')
    }
  })
})

const JSON_TYPE = { 'content-type': 'application/json' }

describe('key routes: input', () => {
  for (const { name, request } of WITH_BODY) {
    const bodies: [string, Partial<InjectOptions>, number, string][] = [
      ['a malformed body', { payload: '{"name":', headers: JSON_TYPE }, 400, 'BAD_REQUEST'],
      ['a body that is not an object', { payload: '[1]', headers: JSON_TYPE }, 400, 'VALIDATION_FAILED'],
      [
        'a body with another content type',
        { payload: 'x', headers: { 'content-type': 'text/csv' } },
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      ],
      ['an oversized body', { payload: { name: 'n'.repeat(20_000) } }, 413, 'PAYLOAD_TOO_LARGE'],
      [
        'values of the wrong type',
        { payload: { name: 5, environment: [], graceSeconds: '5' } },
        400,
        'VALIDATION_FAILED',
      ],
    ]
    for (const [what, sent, status, code] of bodies) {
      it(`${name} refuses ${what}`, async (t) => {
        const { send, id, unchanged } = await withKey(t)
        assertRefused(await send(ADMIN_OF_A, { ...request(id), ...sent }), status, code)
        await unchanged()
      })
    }

    it(`${name} refuses an unknown property, and does not repeat its name`, async (t) => {
      const { send, id, unchanged } = await withKey(t)
      const { payload, ...rest } = request(id)
      const answer = await send(ADMIN_OF_A, {
        ...rest,
        payload: { ...(payload as object), tk_live_typo: true },
      })
      assertRefused(answer, 400, 'VALIDATION_FAILED')
      assert.match(answer.body.error.message, /^body has an unknown property: it takes /)
      assert.doesNotMatch(answer.text, /typo/)
      await unchanged()
    })
  }

  const creations: [string, object, RegExp][] = [
    ['no name', { environment: 'live' }, /^body\/name must be a text of 1 to 100 characters$/],
    ['an empty name', { name: '', environment: 'live' }, /^body\/name must be /],
    ['a name that is too long', { name: 'n'.repeat(101), environment: 'live' }, /^body\/name must be /],
    ['a name of spaces', { name: '  ', environment: 'live' }, /^name must be /],
    ['an unknown environment', { name: 'n', environment: 'moon' }, /^environment must be one of live, test$/],
    [
      'an unknown scope',
      { name: 'n', environment: 'live', scopes: ['root'] },
      /^scopes must be among read, write$/,
    ],
    ['a scope twice', { name: 'n', environment: 'live', scopes: ['read', 'read'] }, /^body\/scopes must be /],
    [
      'a scope that is not a string',
      { name: 'n', environment: 'live', scopes: [1] },
      /^body\/scopes\/0 must be a scope/,
    ],
    [
      'a network that is longer than any',
      { name: 'n', environment: 'live', networks: [`${'ffff:'.repeat(6)}255.255.255.255/1280`] },
      /^body\/networks must be /,
    ],
    [
      'an expiry in the past',
      { name: 'n', environment: 'live', expiresAt: '2001-01-01T00:00:00Z' },
      /^expiresAt must be /,
    ],
    [
      'an expiry without an offset',
      { name: 'n', environment: 'live', expiresAt: '2031-01-01T00:00:00' },
      /^body\/expiresAt must be an RFC 3339/,
    ],
    [
      'an expiry at an hour that does not exist',
      { name: 'n', environment: 'live', expiresAt: '2031-01-01T24:00:00Z' },
      /^body\/expiresAt must be /,
    ],
    [
      'an expiry with more digits than any needs',
      { name: 'n', environment: 'live', expiresAt: `2031-01-01T00:00:00.${'0'.repeat(20)}Z` },
      /^body\/expiresAt must be /,
    ],
    [
      'a lifetime instead of an expiry',
      { name: 'n', environment: 'live', expiresAt: 3600 },
      /^body\/expiresAt must be /,
    ],
  ]
  // `Date.parse` ignores what surrounds a date and time.
  for (const expiresAt of ['Thu 2031-01-01 00:00:00Z', '2031-01-01 00:00:00Z (x)']) {
    const payload = { name: 'n', environment: 'live', expiresAt }
    creations.push([`an expiry of ${expiresAt}`, payload, /^body\/expiresAt must be /])
  }
  for (const day of ['2031-13-01', '2031-00-01', '2031-02-29', '2031-04-31', '2031-04-00']) {
    const payload = { name: 'n', environment: 'live', expiresAt: `${day}T00:00:00Z` }
    creations.push([`an expiry on ${day}`, payload, /^body\/expiresAt must be /])
  }
  for (const [what, payload, message] of creations) {
    it(`POST /keys refuses ${what}`, async (t) => {
      const { send } = await consoleApp(t)
      const answer = await send(ADMIN_OF_A, { method: 'POST', url: '/console/keys', payload })
      assertRefused(
        answer,
        400,
        answer.body.error.message.startsWith('body') ? 'VALIDATION_FAILED' : 'KEY_INVALID',
      )
      assert.match(answer.body.error.message, message)
    })
  }

  it('PATCH /keys/:id refuses a body without changes', async (t) => {
    const { send, id } = await withKey(t)
    const answer = await send(ADMIN_OF_A, { method: 'PATCH', url: `/console/keys/${id}`, payload: {} })
    assertRefused(answer, 400, 'VALIDATION_FAILED')
    assert.equal(answer.body.error.message, 'body must be an object with at least one change')
  })

  const limits = ['0', '101', 'all', 'true', '1e1', '0x10', '1.9', '%201', '1&limit=2']
  for (const query of [
    ...limits.map((limit) => `limit=${limit}`),
    'cursor=',
    'offset=3',
    `unusedSince=2031-01-01T00:00:00.${'0'.repeat(20)}Z`,
  ]) {
    it(`GET /keys refuses ?${query}`, async (t) => {
      const { send } = await consoleApp(t)
      assertRefused(await send(MEMBER_OF_A, { url: `/console/keys?${query}` }), 400, 'VALIDATION_FAILED')
    })
  }

  it('GET /keys refuses an invalid cursor', async (t) => {
    const { send } = await consoleApp(t)
    for (const cursor of ['a', 'abc']) {
      assertRefused(await send(MEMBER_OF_A, { url: `/console/keys?cursor=${cursor}` }), 400, 'KEY_INVALID')
    }
  })

  it('GET /keys takes each filter in full, also a name of digits', async (t) => {
    const { send } = await consoleApp(t)
    for (const filter of ['name=123', 'environment=x', 'limit=100', 'endsBefore=2031-12-31T00:00:00Z']) {
      assert.equal((await send(MEMBER_OF_A, { url: `/console/keys?${filter}` })).status, 200, filter)
    }
  })

  it('POST /keys/:id/rotate takes a grace of 365 days at most', async (t) => {
    const { send, id } = await withKey(t)
    const rotate = (graceSeconds: number) =>
      send(ADMIN_OF_A, { method: 'POST', url: `/console/keys/${id}/rotate`, payload: { graceSeconds } })
    const most = 365 * 24 * 3_600
    const answer = await rotate(most + 1)
    assertRefused(answer, 400, 'VALIDATION_FAILED')
    assert.match(answer.body.error.message, /^body\/graceSeconds must be /)
    assert.equal((await rotate(most)).status, 201)
  })

  it('every route answers 404 to an id that no key can have', async (t) => {
    const { send } = await withKey(t)
    for (const { request } of WITH_ID) {
      for (const id of ['k', '%00', '%F0%9F%94%91', "'%20or%201=1", 'k'.repeat(100)]) {
        assertRefused(await send(ADMIN_OF_A, request(id)), 404, 'KEY_NOT_FOUND')
      }
    }
  })

  it('a revoked key can be shown and revoked again, but not changed or rotated', async (t) => {
    const { send, keys, id } = await withKey(t)
    await keys.revoke(id)
    for (const { name, request } of WITH_ID) {
      const answer = await send(ADMIN_OF_A, request(id))
      if (name.startsWith('PATCH') || name.includes('rotate')) assertRefused(answer, 409, 'KEY_REVOKED')
      else assert.equal(answer.status, 200)
    }
  })
})

describe('key routes: when the store fails', () => {
  for (const { name, request } of TARGETS) {
    it(`${name} answers 503 with Retry-After, and shows nothing of the failure`, async (t) => {
      const { send, store, id } = await withKey(t)
      for (const method of ['listKeys', 'insertKey', 'findKey', 'updateKey', 'revokeKey'] as const) {
        t.mock.method(store, method, () =>
          Promise.reject(new Error(`no route to db-7.internal ${'ab'.repeat(32)}`)),
        )
      }
      const answer = await send(ADMIN_OF_A, request(id))
      assertRefused(answer, 503, 'UNAVAILABLE')
      assert.doesNotMatch(answer.text, /db-7/)
    })
  }

  it('DELETE /keys/:id answers 503 if the revocation cannot be confirmed', async (t) => {
    const store = new MemoryKeyStore()
    const { send, keys } = await consoleApp(t, { store })
    const { details } = await keys.create({ tenantId: 'org_a', name: 'n', environment: 'live' })
    t.mock.method(store.coherence, 'confirm', () => Promise.reject(new Error('connection lost')))
    const answer = await send(ADMIN_OF_A, { method: 'DELETE', url: `/console/keys/${details.id}` })
    assertRefused(answer, 503, 'UNAVAILABLE')
  })

  it('GET /keys shows no fields that a store returns beyond the contract', async (t) => {
    class TalkativeStore extends MemoryKeyStore {
      override async listKeys(...args: Parameters<MemoryKeyStore['listKeys']>) {
        const keys = await super.listKeys(...args)
        for (const key of keys) Object.assign(key, { hash: 'ab'.repeat(32), note: 'internal' })
        return keys
      }
    }
    const store = new TalkativeStore()
    const { send } = await consoleApp(t, { store })
    await new KeyManager(store).create({
      tenantId: 'org_a',
      name: 'n',
      environment: 'live',
      metadata: { plan: 'x' },
    })
    const listed = await send(MEMBER_OF_A, { url: '/console/keys' })
    assert.equal(listed.status, 200)
    assert.doesNotMatch(listed.text, /abab|internal|plan/)
  })
})
