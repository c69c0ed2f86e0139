/** Requests to Clerk: to one address, for JSON, no sooner than it allows. Clerk is a server on loopback. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it, type TestContext } from 'node:test'
import { createClerkClient } from '@clerk/backend'
import { ClerkApi, type ClerkApiOptions, type ClerkStatusError } from '../../../src/console-auth/clerk/api.ts'
import { systemClock } from '../../../src/lib/clock.ts'

async function setup(t: TestContext, listener: RequestListener, given: Partial<ClerkApiOptions> = {}) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const refusals: ClerkStatusError[] = []
  const api = new ClerkApi({
    baseUrl: `${apiUrl}/v1/`,
    secretKey: 'sk_test_1',
    fetch,
    onRefused: (error) => refusals.push(error),
    clock: systemClock,
    ...given,
  })
  return {
    apiUrl,
    refusals,
    ask: (path = 'jwks', signal = AbortSignal.timeout(10_000)) => api.ask(path, signal),
  }
}

it("sends the same request as Clerk's own client", async (t) => {
  const asked: IncomingMessage[] = []
  const { ask, apiUrl } = await setup(t, (request, response) => {
    asked.push(request)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await ask('users/user_1')
  await createClerkClient({ secretKey: 'sk_test_1', apiUrl, telemetry: { disabled: true } }).users.getUser(
    'user_1',
  )
  const [ours, theirs] = asked.map(({ method, url, headers }) => {
    return [method, url, headers.authorization, headers['clerk-api-version']]
  })
  assert.deepEqual(ours, theirs)
})

it('sends no credential without a secret key', async (t) => {
  const { ask } = await setup(t, (request, response) => void response.end(JSON.stringify(request.headers)), {
    secretKey: undefined,
  })
  assert.ok(!('authorization' in ((await ask()) as object)))
})

const bad: Record<string, [RequestListener, RegExp]> = {
  'an answer that is not JSON': [
    (_, response) => void response.end('<html>secret</html>'),
    /^Error: Clerk's answer is not JSON$/,
  ],
  'an empty answer': [(_, response) => void response.writeHead(204).end(), /is not JSON/],
  'status 500': [(_, response) => void response.writeHead(500).end('{}'), /answered 500$/],
  'status 304': [(_, response) => void response.writeHead(304).end(), /answered 304$/],
  'status 401': [
    (_, response) => void response.writeHead(401).end('{}'),
    /answered 401: it does not accept this secretKey$/,
  ],
  'a truncated answer': [
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).end('{"ke'),
    /./,
  ],
  'an answer that is too large': [
    (_, response) => void response.end(' '.repeat(300_000)),
    /more than 262144 bytes/,
  ],
}
for (const [name, [listener, message]] of Object.entries(bad)) {
  it(`rejects ${name}`, async (t) => {
    const { ask } = await setup(t, listener)
    await assert.rejects(ask(), message)
  })
}

for (const [status, accepted] of [
  [199, false],
  [200, true],
  [299, true],
  [300, false],
] as const) {
  it(`${accepted ? 'accepts' : 'rejects'} an answer with status ${status}`, async (t) => {
    const { ask } = await setup(t, () => {}, {
      fetch: async () => ({ status, headers: new Headers(), body: new Blob(['{}']).stream() }),
    })
    if (accepted) assert.deepEqual(await ask(), {})
    else await assert.rejects(ask(), { name: 'ClerkStatusError', status })
  })
}

it('follows no redirect: the secret key goes to the configured address only', async (t) => {
  let requests = 0
  const { ask } = await setup(t, (_, response) => {
    requests++
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  await assert.rejects(ask())
  assert.equal(requests, 1)
})

it('stops at its signal, before the headers and within the body', async (t) => {
  for (const start of [false, true]) {
    const closing = new AbortController()
    const { ask } = await setup(t, (_, response) => {
      if (start) response.writeHead(200).write('{')
      closing.abort(new Error('over'))
    })
    await assert.rejects(ask('jwks', closing.signal))
  }
})

it('reports once that Clerk rejects the secret key, or requires one', async (t) => {
  for (const [status, secretKey, message] of [
    [401, 'sk_test_1', /it does not accept this secretKey/],
    [403, 'sk_test_1', /it does not accept this secretKey/],
    [401, undefined, /the address requires a key/],
  ] as const) {
    const { ask, refusals } = await setup(t, (_, response) => void response.writeHead(status).end(), {
      secretKey,
    })
    for (let i = 0; i < 3; i++) await assert.rejects(ask(), message)
    assert.equal(refusals.length, 1)
    assert.ok(refusals[0]?.isRefusal && !refusals[0].message.includes('sk_test_1'))
  }
})

for (const [name, status, header, milliseconds] of [
  ['seconds', 429, '30', 30_000],
  ['a date', 429, new Date(1_700_000_030_000).toUTCString(), 30_000],
  ['more than an hour, which counts as one', 429, '99999999999', 3_600_000],
  ['maintenance', 503, '7', 7_000],
] as const) {
  it(`sends no request until Retry-After is over: ${name}`, async (t) => {
    let now = 5_000
    let requests = 0
    const clock = { ...systemClock, now: () => now, wall: () => 1_700_000_000_000 }
    const { ask } = await setup(
      t,
      (_, response) => void response.writeHead(status, { 'retry-after': header }).end(String(requests++)),
      { clock },
    )
    await assert.rejects(ask(), { status, retryAfter: milliseconds })
    now += milliseconds - 1
    await assert.rejects(ask('users/user_1'), { status, retryAfter: 1 })
    assert.equal(requests, 1)
    now += 1
    await assert.rejects(ask(), { status })
    assert.equal(requests, 2)
  })
}

for (const [name, status, header] of [
  ['no Retry-After', 429, undefined],
  ['an invalid Retry-After', 429, 'soon'],
  ['a date in the past', 429, new Date(0).toUTCString()],
  ['Retry-After with another status', 500, '30'],
] as const) {
  it(`lets its callers retry, after a second: ${name}`, async (t) => {
    let requests = 0
    const { ask } = await setup(t, (_, response) => {
      requests++
      response.writeHead(status, header === undefined ? {} : { 'retry-after': header }).end()
    })
    for (let i = 0; i < 2; i++) await assert.rejects(ask(), { status, retryAfter: 1_000 })
    assert.equal(requests, 2)
  })
}

it('sends requests with the fetch that it is given', async (t) => {
  const asked: unknown[] = []
  const { ask, apiUrl } = await setup(t, (_, response) => void response.end('{"here":true}'), {
    fetch: async (url, init) => {
      asked.push([url, init.redirect, init.signal.aborted, init.headers.authorization])
      return fetch(url, init)
    },
  })
  assert.deepEqual(await ask(), { here: true })
  assert.deepEqual(asked, [[`${apiUrl}/v1/jwks`, 'error', false, 'Bearer sk_test_1']])
})
