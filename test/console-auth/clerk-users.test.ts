/** `request.consoleUser.getUser()` against the Backend API on loopback. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { AuthError } from '../../src/errors.ts'
import { startJwksServer } from '../../src/testing/index.ts'
import { consoleApp, type Given, signer } from './console-app.ts'

async function setup(t: TestContext, given: Given = {}) {
  const clerk = await startJwksServer(signer)
  t.after(() => clerk.stop())
  const { secretKey, apiUrl } = clerk
  const routes = (app: FastifyInstance) => {
    app.get('/name', async ({ consoleUser }) => {
      const [user, again] = await Promise.all([consoleUser.getUser(), consoleUser.getUser()])
      assert.equal(user, again)
      return `${user.id} ${user.fullName} ${user.primaryEmailAddress?.emailAddress}`
    })
  }
  const app = await consoleApp(t, { secretKey, apiUrl, ...given }, routes)
  const name = async (userId: string) => app.get(`Bearer ${signer.signSession({ userId })}`, '/name')
  return { clerk, name, ...app }
}

it('fetches the user once, for all requests', async (t) => {
  const { clerk, name } = await setup(t)
  const answers = await Promise.all(Array.from({ length: 20 }, () => name('user_1')))
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['user_1 Test User user_1@example.com']))
  assert.deepEqual(clerk.requests, { jwks: 0, users: 1 })
  await name('user_2')
  assert.equal(clerk.requests.users, 2)
})

it('fetches nothing for a handler that does not ask', async (t) => {
  const { clerk, get } = await setup(t)
  assert.equal((await get(`Bearer ${signer.signSession()}`)).status, 200)
  assert.equal(clerk.requests.users, 0)
})

it('fetches anew once the user has been remembered for its time', async (t) => {
  const { clerk, name } = await setup(t, { users: { ttl: 1 } })
  await name('user_1')
  await new Promise((resolve) => setTimeout(resolve, 10))
  await name('user_1')
  assert.equal(clerk.requests.users, 2)
})

for (const fault of ['hang', 'error'] as const) {
  it(`rejects with AUTH_UNAVAILABLE and tries again at the next request: ${fault}`, async (t) => {
    const { clerk, name } = await setup(t, { users: { timeout: 200 } })
    clerk.fault = fault
    const { status, retryAfter } = await name('user_1')
    assert.deepEqual([status, retryAfter], [503, '1'])
    clerk.fault = undefined
    assert.equal((await name('user_1')).status, 200)
  })
}

it('rejects with AUTH_INVALID_TOKEN where the user has been deleted', async (t) => {
  const { name } = await setup(t)
  const { status, challenge } = await name('user_deleted')
  assert.deepEqual([status, challenge], [401, 'Bearer realm="console", error="invalid_token"'])
})

it('says which option it needs', async (t) => {
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
