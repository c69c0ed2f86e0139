import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ErrorResponse } from '../../src/http/error-response.ts'
import type { KeyAuditEvent } from '../../src/key-routes/index.ts'
import type { TestSession } from '../../src/testing/index.ts'
import { ADMIN_OF_A, consoleApp, MEMBER_OF_A } from './console-app.ts'

const STAFF: TestSession = { ...ADMIN_OF_A, claims: { act: { sub: 'user_staff' } } }
const CREATE = { method: 'POST', url: '/console/keys', payload: { name: 'n', environment: 'live' } } as const

describe('key routes: who is calling', () => {
  it('lets an impersonator read, but change nothing', async (t) => {
    const { send, keys } = await consoleApp(t)
    const { details } = await keys.create({ tenantId: 'org_a', name: 'n', environment: 'live' })
    const url = `/console/keys/${details.id}`
    const listed = await send<{ canWrite: boolean }>(STAFF, { url: '/console/keys' })
    assert.deepEqual([listed.status, listed.body.canWrite], [200, false])
    assert.equal((await send(STAFF, { url })).status, 200)
    for (const request of [
      CREATE,
      { method: 'PATCH', url, payload: { name: 'x' } },
      { method: 'POST', url: `${url}/rotate` },
      { method: 'DELETE', url },
    ] as const) {
      const answer = await send(STAFF, request)
      assert.deepEqual([answer.status, answer.body.error.code], [403, 'AUTH_FORBIDDEN'])
      assert.match(answer.body.error.message, /impersonates/)
    }
    assert.deepEqual((await keys.list({ tenantId: 'org_a' })).keys, [details])
  })

  it('records both the user and the impersonator if impersonators may change keys', async (t) => {
    const events: KeyAuditEvent[] = []
    const { send } = await consoleApp(t, {
      options: { allowImpersonation: true, onAudit: (event) => void events.push(event) },
    })
    const created = await send<{ details: { createdBy: string } }>(STAFF, CREATE)
    assert.equal(created.body.details.createdBy, 'user_admin, impersonated by user_staff')
    assert.deepEqual(events[0]?.actor, {
      userId: 'user_admin',
      impersonatorId: 'user_staff',
      sessionId: 'sess_test',
      orgId: 'org_a',
      orgRole: 'org:admin',
    })
  })

  it('tells the user to choose an organization if none is active', async (t) => {
    const { send } = await consoleApp(t)
    const answer = await send({ userId: 'user_alone' }, { url: '/console/keys' })
    assert.deepEqual([answer.status, answer.body.error.code], [403, 'AUTH_FORBIDDEN'])
    assert.equal(
      answer.body.error.message,
      'No organization is active in this session: choose one, and try again',
    )
  })

  it('logs who was refused, and why', async (t) => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const { send } = await consoleApp(t, { server: { logger: { level: 'info', stream } } })
    for (const session of [MEMBER_OF_A, STAFF, { userId: 'user_alone' }]) await send(session, CREATE)
    const refusals = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'request refused')
    assert.deepEqual(
      refusals.map(({ plugin, reason, userId, actorId }) => [plugin, reason, userId, actorId]),
      [
        ['keyRoutes', 'not_allowed', 'user_member', undefined],
        ['keyRoutes', 'impersonated', 'user_admin', 'user_staff'],
        ['keyRoutes', 'no_organization', 'user_alone', undefined],
      ],
    )
  })

  it('asks for a reverification as Clerk\u2019s front end expects it if canWrite requires one', async (t) => {
    const asked = await consoleApp(t, {
      options: { canWrite: (user) => user.has({ role: 'org:admin' }) && { reverification: 'strict' } },
    })
    const session = (fva?: readonly number[]): TestSession => ({ ...ADMIN_OF_A, claims: { fva } })
    for (const stale of [session(), session([11, 11]), session([-1, -1])]) {
      const answer = await asked.send<ErrorResponse & { clerk_error: unknown }>(stale, CREATE)
      assert.deepEqual([answer.status, answer.body.error.code], [403, 'AUTH_FORBIDDEN'])
      assert.deepEqual(answer.body.clerk_error, {
        type: 'forbidden',
        reason: 'reverification-error',
        metadata: { reverification: 'strict' },
      })
      const listed = await asked.send<{ canWrite: boolean }>(stale, { url: '/console/keys' })
      assert.deepEqual([listed.status, listed.body.canWrite], [200, true])
    }
    assert.equal((await asked.send(session([1, 1]), CREATE)).status, 201)
    assert.equal((await asked.send({ ...session([1, 1]), orgRole: 'org:member' }, CREATE)).status, 403)
    const never = await consoleApp(t, {
      options: { canWrite: () => ({ reverification: 'whenever' }) as never },
    })
    assert.equal((await never.send(session([1, 1]), CREATE)).status, 403)
  })
})
