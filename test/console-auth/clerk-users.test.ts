/** `request.consoleUser.getUser()` against the Backend API on loopback. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { createClerkClient } from '@clerk/backend'
import type { FastifyInstance } from 'fastify'
import { ClerkUsers } from '../../src/console-auth/clerk-users.ts'
import { AuthError } from '../../src/http/errors.ts'
import { startJwksServer } from '../../src/testing/index.ts'
import { consoleApp, type Given, signer } from './console-app.ts'

function routes(app: FastifyInstance): void {
  app.get('/name', async ({ consoleUser }) => {
    const [user, again] = await Promise.all([consoleUser.getUser(), consoleUser.getUser()])
    assert.equal(user, again)
    return `${user.id} ${user.first_name} ${user.email_addresses[0]?.email_address}`
  })
}

/** Milliseconds for Clerk to answer where it is to answer: far more than a slow machine makes of it. */
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

it('fetches the user once, for all requests', async (t) => {
  const { clerk, name } = await setup(t)
  const answers = await Promise.all(Array.from({ length: 20 }, () => name('user_1')))
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['user_1 Test user_1@example.com']))
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

it('remembers no more users than it may', async (t) => {
  const { clerk, name } = await setup(t, { users: { max: 1 } })
  for (const userId of ['user_1', 'user_2', 'user_2', 'user_1']) await name(userId)
  assert.equal(clerk.requests.users, 3)
})

for (const fault of ['hang', 'error', 'garbage'] as const) {
  it(`rejects with AUTH_UNAVAILABLE, and asks again a second later, no sooner: ${fault}`, async (t) => {
    const timeout = fault === 'hang' ? 2_000 : PATIENT
    const { clerk, name } = await setup(t, { users: { timeout } })
    clerk.fault = fault
    const start = performance.now()
    const { status, retryAfter } = await name('user_1')
    assert.deepEqual([status, retryAfter], [503, '1'])
    clerk.fault = undefined
    const again = await name('user_1')
    // It failed no sooner than this. On a machine that stood still a second may be over by now.
    const failed = start + (fault === 'hang' ? timeout : 0)
    if (performance.now() - failed < 1_000) {
      assert.equal(again.status, 503)
      assert.equal(clerk.requests.users, 1)
    }
    assert.equal((await name('user_2')).status, 200, 'one user’s failure is not another’s')
    await new Promise((resolve) => setTimeout(resolve, 1_010))
    assert.equal((await name('user_1')).status, 200)
  })
}

it('rejects with AUTH_INVALID_TOKEN where the user has been deleted', async (t) => {
  const { clerk, name } = await setup(t)
  for (const { status, challenge } of await Promise.all([name('user_deleted'), name('user_deleted')])) {
    assert.deepEqual([status, challenge], [401, 'Bearer realm="console", error="invalid_token"'])
  }
  assert.equal(clerk.requests.users, 1)
})

it('ends a fetch that hangs when the app closes, and with it the request that waits for it', async (t) => {
  const { clerk, app, name } = await setup(t, { users: { timeout: 60_000 } })
  clerk.fault = 'hang'
  const answer = name('user_1')
  while (clerk.requests.users === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await app.close()
  assert.equal((await answer).status, 503)
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

/** A server of one's own in Clerk's place, and how many connections it has. */
async function users(t: TestContext, listener: RequestListener, timeout = 10_000) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const users = new ClerkUsers({ apiUrl, secretKey: 'sk_test_1', timeout, max: 10, ttl: 60_000 })
  const connections = async () =>
    new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
  return { users, apiUrl, connections }
}

const json =
  (body: unknown, status = 200): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

const user = { object: 'user', id: 'user_1', public_metadata: { plan: 'gold' } }

it('asks for the one user, as Clerk’s own client does', async (t) => {
  const asked: IncomingMessage[] = []
  const { users: own, apiUrl } = await users(t, (request, response) => {
    asked.push(request)
    json({ ...user, id: 'user_a/../b?c' })(request, response)
  })
  await own.get('user_a/../b?c')
  await createClerkClient({ secretKey: 'sk_test_1', apiUrl, telemetry: { disabled: true } }).users.getUser(
    'x',
  )
  const [ours, theirs] = asked.map(({ method, headers }) => [
    method,
    headers.authorization,
    headers['clerk-api-version'],
  ])
  assert.deepEqual(ours, theirs)
  assert.equal(asked[0]?.url, '/v1/users/user_a%2F..%2Fb%3Fc')
})

it('shares what cannot be changed', async (t) => {
  const { users: own } = await users(t, json(user))
  const { public_metadata } = await own.get('user_1')
  assert.throws(() => Object.assign(public_metadata, { plan: 'free' }), TypeError)
})

it('gives each that asks an error of its own', async (t) => {
  const { users: own } = await users(t, json({}, 500))
  const caught = async () => own.get('user_1').catch((error: unknown) => error)
  const errors = [...(await Promise.all([caught(), caught()])), await caught()]
  assert.ok(errors.every((error) => error instanceof AuthError))
  assert.equal(new Set(errors).size, 3)
})

describe('what is not the user is not taken for it, nor remembered', () => {
  const bad: Record<string, RequestListener> = {
    'a page': (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    text: json('user_1'),
    null: json(null),
    'a list': json([user]),
    'an empty object': json({}),
    'another user': json({ ...user, id: 'user_2' }),
    'an id that is no text': json({ ...user, id: ['user_1'] }),
    nothing: (_, response) => void response.writeHead(204).end(),
    'status 500': json(user, 500),
    'status 401': json(user, 401),
    'an answer cut off': (_, response) =>
      void response.writeHead(200, { 'content-length': 100 }).end('{"id":'),
    'more bytes than a user has': json({ ...user, x: 'x'.repeat(300_000) }),
  }
  for (const [name, listener] of Object.entries(bad)) {
    it(name, async (t) => {
      let listen = listener
      const { users: own } = await users(t, (request, response) => listen(request, response))
      await assert.rejects(own.get('user_1'), { code: 'AUTH_UNAVAILABLE' })
      listen = json(user)
      await new Promise((resolve) => setTimeout(resolve, 1_010))
      assert.equal((await own.get('user_1')).id, 'user_1')
    })
  }
})

it('follows no redirect: the secret key goes to the configured address alone', async (t) => {
  let requests = 0
  const { users: own } = await users(t, (request, response) => {
    requests++
    if (request.url === '/elsewhere') json(user)(request, response)
    else response.writeHead(307, { location: '/elsewhere' }).end()
  })
  await assert.rejects(own.get('user_1'), { code: 'AUTH_UNAVAILABLE' })
  assert.equal(requests, 1)
})

for (const part of ['headers', 'body']) {
  it(`leaves no connection to a Clerk that hangs in the ${part}`, async (t) => {
    const hang: RequestListener = (_, response) => {
      if (part === 'body') response.writeHead(200).write('{')
    }
    const { users: own, connections } = await users(t, hang, 50)
    const ids = Array.from({ length: 20 }, (_, i) => `user_${i}`)
    const outcomes = await Promise.allSettled(ids.map((id) => own.get(id)))
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    const deadline = Date.now() + 5_000
    while ((await connections()) > 0 && Date.now() < deadline) await new Promise((r) => setTimeout(r, 10))
    assert.equal(await connections(), 0)
  })
}

it('has a bounded number of fetches under way: the others reject at once', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error) => void warnings.push(warning)
  process.on('warning', warn)
  t.after(() => process.off('warning', warn))
  let requests = 0
  const { users: own } = await users(t, () => void requests++, 500)
  const got = Array.from({ length: 300 }, (_, i) => own.get(`user_${i}`).catch((error: unknown) => error))
  const atOnce = await Promise.all(got.slice(256))
  assert.ok(atOnce.every((error) => error instanceof AuthError && error.code === 'AUTH_UNAVAILABLE'))
  own.close()
  await Promise.all(got)
  assert.ok(requests <= 256)
  assert.deepEqual(warnings, [])
})
