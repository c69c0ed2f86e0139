import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ADMIN_OF_A, ADMIN_OF_B, consoleApp } from './console-app.ts'

interface Created {
  key: string
  details: { id: string }
}

const create = (idempotencyKey: string) =>
  ({
    method: 'POST',
    url: '/console/keys',
    payload: { name: 'n', environment: 'live' },
    headers: { 'idempotency-key': idempotencyKey },
  }) as const

describe('key routes: Idempotency-Key', () => {
  it('creates one key for a repeated create, and names it', async (t) => {
    const { send, keys } = await consoleApp(t)
    const first = await send<Created>(ADMIN_OF_A, create('attempt-1'))
    const again = await send(ADMIN_OF_A, create('attempt-1'))
    assert.deepEqual([first.status, again.status, again.body.error.code], [201, 409, 'KEY_EXISTS'])
    assert.ok(again.body.error.message.includes(first.body.details.id))
    assert.equal((await keys.list({ tenantId: 'org_a' })).keys.length, 1)
  })

  it('creates one key for fifty concurrent repetitions, and shows it to one of them', async (t) => {
    const { send, keys } = await consoleApp(t)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => send<Partial<Created>>(ADMIN_OF_A, create('attempt-1'))),
    )
    assert.equal(answers.filter(({ status, body }) => status === 201 && body.key !== undefined).length, 1)
    assert.equal(answers.filter(({ status, body }) => status === 409 && body.key === undefined).length, 49)
    assert.equal((await keys.list({ tenantId: 'org_a' })).keys.length, 1)
  })

  it('creates one key for a repeated rotation', async (t) => {
    const { send, keys } = await consoleApp(t)
    const { details } = await keys.create({ tenantId: 'org_a', name: 'n', environment: 'live' })
    const payload = { graceSeconds: 0 }
    const rotate = { ...create('attempt-1'), url: `/console/keys/${details.id}/rotate`, payload }
    const first = await send<Created>(ADMIN_OF_A, rotate)
    const again = await send(ADMIN_OF_A, rotate)
    assert.deepEqual([first.status, again.status], [201, 409])
    assert.ok(again.body.error.message.includes(first.body.details.id))
    assert.equal((await keys.list({ tenantId: 'org_a' })).keys.length, 2)
  })

  it('belongs to one organization', async (t) => {
    const { send } = await consoleApp(t)
    const answers = [await send(ADMIN_OF_A, create('same')), await send(ADMIN_OF_B, create('same'))]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 201],
    )
  })

  for (const value of ['', ' ', 'two words', 'one, two', 'ü', 'x'.repeat(201)]) {
    it(`cannot be ${JSON.stringify(value.slice(0, 20))}`, async (t) => {
      const { send, keys } = await consoleApp(t)
      const answer = await send(ADMIN_OF_A, create(value))
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'VALIDATION_FAILED'])
      assert.deepEqual((await keys.list({ tenantId: 'org_a' })).keys, [])
    })
  }

  it('is refused, not ignored, on requests for which it has no meaning', async (t) => {
    const { send, keys } = await consoleApp(t)
    const { details } = await keys.create({ tenantId: 'org_a', name: 'n', environment: 'live' })
    const url = `/console/keys/${details.id}`
    const headers = { 'idempotency-key': 'attempt-1' }
    for (const request of [
      { method: 'GET', url: '/console/keys', headers },
      { method: 'GET', url, headers },
      { method: 'PATCH', url, headers, payload: { name: 'other' } },
      { method: 'DELETE', url, headers },
    ] as const) {
      const answer = await send(ADMIN_OF_A, request)
      assert.deepEqual([answer.status, answer.body.error.code], [400, 'VALIDATION_FAILED'])
    }
    assert.deepEqual(await keys.get(details.id), details)
  })
})
