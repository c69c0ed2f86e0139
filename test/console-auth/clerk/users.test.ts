/** `request.consoleUser.getUser()` against the Backend API on loopback. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { ClerkStatusError } from '../../../src/console-auth/clerk/api.ts'
import { ClerkUsers, type ClerkUsersOptions } from '../../../src/console-auth/clerk/users.ts'
import { AuthError } from '../../../src/http/errors.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { startJwksServer } from '../../../src/testing/index.ts'
import { consoleApp, type Given, signer } from '../console-app.ts'

function routes(app: FastifyInstance): void {
  app.get('/name', async ({ consoleUser }) => {
    const [user, again] = await Promise.all([consoleUser.getUser(), consoleUser.getUser()])
    assert.equal(user, again)
    return `${user.id} ${user.first_name} ${user.email_addresses[0]?.email_address}`
  })
}

/** Timeout in milliseconds for tests in which Clerk answers: far more than a slow machine needs. */
const PATIENT = 60_000

async function setup(t: TestContext, given: Given = {}) {
  const clerk = await startJwksServer(signer)
  t.after(() => clerk.stop())
  const { secretKey, apiUrl } = clerk
  const app = await consoleApp(
    t,
    { secretKey, apiUrl, ...given, users: { timeout: PATIENT, ...given.users } },
    routes,
  )
  const name = async (userId: string) => app.get(`Bearer ${signer.signSession({ userId })}`, '/name')
  return { clerk, name, ...app }
}

it('fetches a user once for all requests', async (t) => {
  const { clerk, name } = await setup(t)
  const answers = await Promise.all(Array.from({ length: 20 }, () => name('user_1')))
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['user_1 Test user_1@example.com']))
  assert.deepEqual(clerk.requests, { jwks: 0, users: 1 })
  await name('user_2')
  assert.equal(clerk.requests.users, 2)
})

it('fetches no user for a handler that does not ask for it', async (t) => {
  const { clerk, get } = await setup(t)
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  assert.equal(clerk.requests.users, 0)
})

it('answers 401 with invalid_token if the user has been deleted', async (t) => {
  const { clerk, name } = await setup(t)
  for (const { status, challenge } of await Promise.all([name('user_deleted'), name('user_deleted')])) {
    assert.deepEqual([status, challenge], [401, 'Bearer realm="console", error="invalid_token"'])
  }
  assert.equal(clerk.requests.users, 1)
})

it('ends a hanging fetch and the request that waits for it when the app closes', async (t) => {
  const { clerk, app, name } = await setup(t, { users: { timeout: 60_000 } })
  clerk.fault = 'hang'
  const answer = name('user_1')
  while (clerk.requests.users === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await app.close()
  assert.equal((await answer).status, 503)
})

it('names the option that getUser() needs', async (t) => {
  const errors: unknown[] = []
  const { get } = await consoleApp(t, {}, (app) => {
    app.setErrorHandler((error, _request, reply) => {
      errors.push(error)
      return reply.code(500).send()
    })
    app.get('/name', async ({ consoleUser }) => consoleUser.getUser())
  })
  await get(`Bearer ${signer.signSession()}`, '/name')
  assert.ok(!(errors[0] instanceof AuthError))
  assert.match(String(errors[0]), /secretKey must be set for getUser\(\)/)
})

/** ClerkUsers with an injected clock and the answers of `state`. */
function own(given: Partial<ClerkUsersOptions> = {}) {
  const state = {
    now: 70_000,
    asked: [] as string[],
    answer: (id: string): unknown => ({ object: 'user', id, public_metadata: { plan: 'gold' } }),
  }
  const ask = async (path: string) => {
    state.asked.push(path)
    const answer = await state.answer(path.slice('users/'.length))
    if (answer instanceof Error) throw answer
    return answer
  }
  const clock = { ...systemClock, now: () => state.now }
  const users = new ClerkUsers({
    api: { ask } as never,
    timeout: 10_000,
    max: 10,
    ttl: 60_000,
    clock,
    ...given,
  })
  return { users, state }
}

it('escapes the id of the user in the path', async () => {
  const { users, state } = own()
  state.answer = (path) => ({ id: decodeURIComponent(path) })
  await users.get('user_a/../b?c')
  assert.deepEqual(state.asked, ['users/user_a%2F..%2Fb%3Fc'])
})

it('remembers a user for its ttl, and no longer', async () => {
  const { users, state } = own()
  for (const [now, asked] of [
    [70_000, 1],
    [70_000 + 59_999, 1],
    [70_000 + 60_001, 2],
  ] as const) {
    state.now = now
    await users.get('user_1')
    assert.equal(state.asked.length, asked)
  }
})

for (const [name, answer] of [
  ['a failure', () => new Error('down')],
  ['a deleted user', () => new ClerkStatusError(404)],
] as const) {
  it(`remembers ${name} for a second, for this user only`, async () => {
    const { users, state } = own()
    const { answer: good } = state
    state.answer = (id) => (id === 'user_1' ? answer() : good(id))
    for (const [now, asked] of [
      [70_000, 1],
      [70_999, 1],
      [71_001, 2],
    ] as const) {
      state.now = now
      await assert.rejects(users.get('user_1'), AuthError)
      assert.equal(state.asked.length, asked)
    }
    assert.equal((await users.get('user_2')).id, 'user_2')
  })
}

it('remembers at most max users, and at most max failures', async () => {
  const { users, state } = own({ max: 1 })
  const { answer: good } = state
  for (const answer of [good, () => new Error('down')]) {
    state.answer = answer
    state.asked = []
    state.now += 100_000
    for (const id of ['user_1', 'user_2', 'user_2', 'user_1']) await users.get(id).catch(() => {})
    assert.equal(state.asked.length, 3)
  }
})

it('returns frozen users, since callers share them', async () => {
  const { public_metadata } = await own().users.get('user_1')
  assert.throws(() => Object.assign(public_metadata, { plan: 'free' }), TypeError)
})

it('rejects each call with an error of its own, which passes on Clerk’s Retry-After', async () => {
  const { users, state } = own()
  state.answer = () => new ClerkStatusError(429, { retryAfter: 29_001 })
  const caught = async () => users.get('user_1').catch((error: unknown) => error as AuthError)
  const errors = [...(await Promise.all([caught(), caught()])), await caught()] as AuthError[]
  for (const { code, headers } of errors) {
    assert.deepEqual([code, headers], ['AUTH_UNAVAILABLE', { 'retry-after': '30' }])
  }
  assert.equal(new Set(errors).size, 3)
})

describe('rejects an answer that is not the user', () => {
  for (const answer of ['user_1', null, [{ id: 'user_1' }], {}, { id: 'user_2' }, { id: ['user_1'] }]) {
    it(JSON.stringify(answer), async () => {
      const { users, state } = own()
      state.answer = () => answer
      await assert.rejects(users.get('user_1'), { code: 'AUTH_UNAVAILABLE' })
    })
  }
})

it('gives up on a hanging Clerk at its time limit', async () => {
  const { users, state } = own({ timeout: 20, clock: systemClock })
  state.answer = () => new Promise(() => {})
  await assert.rejects(users.get('user_1'), { code: 'AUTH_UNAVAILABLE' })
})

it('limits the fetches in progress, and rejects further calls at once', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error) => void warnings.push(warning)
  process.on('warning', warn)
  t.after(() => process.off('warning', warn))
  const { users, state } = own()
  state.answer = () => new Promise(() => {})
  const got = Array.from({ length: 300 }, (_, i) => users.get(`user_${i}`).catch((error: unknown) => error))
  for (const error of await Promise.all(got.slice(256))) {
    assert.ok(error instanceof AuthError && error.code === 'AUTH_UNAVAILABLE')
  }
  assert.equal(state.asked.length, 256)
  users.close()
  await Promise.all(got)
  assert.deepEqual(warnings, [])
})
