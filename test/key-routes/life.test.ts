import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Value } from '@sinclair/typebox/value'
import { isWellFormed } from '../../src/keys/key-format.ts'
import type { Confirmation } from '../../src/stores/coherent-key-store.ts'
import * as schemas from '../../src/key-routes/schemas.ts'
import { ADMIN_OF_A, consoleApp, MEMBER_OF_A } from './console-app.ts'

type Details = schemas.KeyDetailsBody
interface Page {
  keys: Details[]
  nextCursor: string | null
  canWrite: boolean
}
type Change = Confirmation & { details: Details }

const create = (name = 'server', more: object = {}) =>
  ({ method: 'POST', url: '/console/keys', payload: { name, environment: 'live', ...more } }) as const

describe('key routes: the life of a key', () => {
  it('creates a key, shows it once, and says who created it', async (t) => {
    const { send } = await consoleApp(t)
    const expiresAt = '2099-05-31T07:08:09.000Z'
    const created = await send<{ key: string; details: Details }>(
      ADMIN_OF_A,
      create('server', { scopes: ['read'], expiresAt }),
    )
    assert.equal(created.status, 201)
    assert.ok(Value.Check(schemas.CreateAnswer, created.body))
    assert.ok(isWellFormed(created.body.key))
    const { details } = created.body
    assert.deepEqual(
      [
        details.name,
        details.environment,
        details.scopes,
        details.expiresAt,
        details.createdBy,
        details.status,
      ],
      ['server', 'live', ['read'], expiresAt, 'user_admin', 'active'],
    )
    const listed = await send<Page>(ADMIN_OF_A, { url: '/console/keys' })
    assert.deepEqual(listed.body.keys, [details])
    assert.ok(!listed.text.includes(created.body.key))
  })

  it('lists keys newest first, in pages, and says whether the user may write', async (t) => {
    const { send } = await consoleApp(t)
    for (const name of ['one', 'two', 'three']) {
      await send(ADMIN_OF_A, create(name))
      await sleep(2) // Keys of the same millisecond are in the order of their ids.
    }
    const first = await send<Page>(MEMBER_OF_A, { url: '/console/keys?limit=2' })
    assert.ok(Value.Check(schemas.ListAnswer, first.body))
    assert.equal(first.body.canWrite, false)
    assert.equal(first.body.keys.length, 2)
    const next = await send<Page>(ADMIN_OF_A, {
      url: `/console/keys?limit=2&cursor=${encodeURIComponent(first.body.nextCursor ?? '')}`,
    })
    assert.equal(next.body.canWrite, true)
    assert.equal(next.body.nextCursor, null)
    const names = [...first.body.keys, ...next.body.keys].map(({ name }) => name)
    assert.deepEqual(names, ['three', 'two', 'one'])
  })

  it('shows a single key, without its secret', async (t) => {
    const { send } = await consoleApp(t)
    const created = await send<{ key: string; details: Details }>(ADMIN_OF_A, create())
    const shown = await send<Details>(MEMBER_OF_A, { url: `/console/keys/${created.body.details.id}` })
    assert.equal(shown.status, 200)
    assert.deepEqual(shown.body, created.body.details)
  })

  it('changes name, scopes and expiry separately, and returns the confirmation', async (t) => {
    const { send } = await consoleApp(t)
    const { id } = (await send<{ details: Details }>(ADMIN_OF_A, create('server', { scopes: ['read'] }))).body
      .details
    const url = `/console/keys/${id}`
    const renamed = await send<Change>(ADMIN_OF_A, { method: 'PATCH', url, payload: { name: 'worker' } })
    assert.ok(Value.Check(schemas.ChangeAnswer, renamed.body))
    assert.deepEqual([renamed.body.details.name, renamed.body.details.scopes], ['worker', ['read']])
    const narrowed = await send<Change>(ADMIN_OF_A, { method: 'PATCH', url, payload: { scopes: [] } })
    assert.deepEqual([narrowed.body.details.name, narrowed.body.details.scopes], ['worker', []])
    const ending = '2032-01-01T00:00:00.000Z'
    const limited = await send<Change>(ADMIN_OF_A, { method: 'PATCH', url, payload: { expiresAt: ending } })
    assert.equal(limited.body.details.expiresAt, ending)
    const unlimited = await send<Change>(ADMIN_OF_A, { method: 'PATCH', url, payload: { expiresAt: null } })
    assert.equal(unlimited.body.details.expiresAt, null)
    assert.equal(unlimited.body.confirmedBy, 'all')
  })

  it('rotates a key to a new one with the same scopes, and ends the old one after the grace', async (t) => {
    const { send } = await consoleApp(t)
    const old = (
      await send<{ key: string; details: Details }>(ADMIN_OF_A, create('server', { scopes: ['read'] }))
    ).body
    const before = Date.now()
    const rotated = await send<Change & { key: string; retired: Details }>(ADMIN_OF_A, {
      method: 'POST',
      url: `/console/keys/${old.details.id}/rotate`,
      payload: { graceSeconds: 60, expiresAt: '2999-01-02T03:04:05+01:00' },
    })
    assert.equal(rotated.status, 201)
    assert.equal(rotated.body.details.expiresAt, '2999-01-02T02:04:05.000Z')
    assert.ok(Value.Check(schemas.RotateAnswer, rotated.body))
    assert.ok(isWellFormed(rotated.body.key))
    assert.notEqual(rotated.body.key, old.key)
    assert.deepEqual(rotated.body.details.scopes, ['read'])
    assert.equal(rotated.body.retired.id, old.details.id)
    const ends = Date.parse(rotated.body.retired.expiresAt ?? '')
    assert.ok(ends >= before + 60_000 && ends <= Date.now() + 60_000)
  })

  it('rotates a key without a body, which leaves the old one valid', async (t) => {
    const { send } = await consoleApp(t)
    const old = (await send<{ details: Details }>(ADMIN_OF_A, create())).body.details
    const rotated = await send<{ retired: Details }>(ADMIN_OF_A, {
      method: 'POST',
      url: `/console/keys/${old.id}/rotate`,
    })
    assert.equal(rotated.status, 201)
    assert.equal(rotated.body.retired.expiresAt, null)
  })

  it('revokes a key, returns the confirmation, and may be repeated', async (t) => {
    const { send } = await consoleApp(t)
    const { id } = (await send<{ details: Details }>(ADMIN_OF_A, create())).body.details
    const request = { method: 'DELETE', url: `/console/keys/${id}` } as const
    const revoked = await send<Change>(ADMIN_OF_A, request)
    assert.equal(revoked.status, 200)
    assert.ok(Value.Check(schemas.ChangeAnswer, revoked.body))
    assert.equal(revoked.body.details.status, 'revoked')
    assert.equal(revoked.body.confirmedBy, 'all')
    const again = await send<Change>(ADMIN_OF_A, request)
    assert.equal(again.body.details.revokedAt, revoked.body.details.revokedAt)
  })

  it('shows an expired key as expired', async (t) => {
    const { send, keys } = await consoleApp(t)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const soon = new Date(Date.now() + 250)
    const { details } = await keys.create({
      tenantId: 'org_a',
      name: 'x',
      environment: 'test',
      expiresAt: soon,
    })
    t.mock.timers.tick(251)
    const shown = await send<Details>(MEMBER_OF_A, { url: `/console/keys/${details.id}` })
    assert.equal(shown.body.status, 'expired')
  })

  it('creates fifty keys in concurrent requests', async (t) => {
    const { send } = await consoleApp(t)
    const created = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        send<{ key: string; details: Details }>(ADMIN_OF_A, create(`key ${index}`)),
      ),
    )
    assert.equal(new Set(created.map(({ body }) => body.key)).size, 50)
    const listed = await send<Page>(ADMIN_OF_A, { url: '/console/keys?limit=100' })
    assert.equal(listed.body.keys.length, 50)
    assert.deepEqual(
      listed.body.keys.map(({ id }) => id).sort(),
      created.map(({ body }) => body.details.id).sort(),
    )
  })

  it('forbids caches to store any answer', async (t) => {
    const { send } = await consoleApp(t)
    const answers = [
      await send(ADMIN_OF_A, create()),
      await send(MEMBER_OF_A, { url: '/console/keys' }),
      await send(null, { url: '/console/keys' }),
      await send(ADMIN_OF_A, { url: '/console/keys/key_unknown' }),
    ]
    assert.deepEqual(
      answers.map(({ status, headers }) => [status, headers['cache-control']]),
      [201, 200, 401, 404].map((status) => [status, 'no-store']),
    )
  })
})
