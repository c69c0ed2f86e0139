/** The limits and the OpenAPI document of the reference app, as its clients see them. */
import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import { generateKey } from '../../src/keys/key-format.ts'
import { redisAvailable, startRedis } from '../servers/index.ts'
import { type OpenApp, openApp } from './in-process.ts'

/** With these the app starts faster than with the development sign-in, which creates tenants and a key. */
const CLERK = { CLERK_SECRET_KEY: 'sk_test_1', CLERK_AUTHORIZED_PARTIES: 'https://dashboard.example.com' }

async function start(t: TestContext, env: Record<string, string>): Promise<{ address: string; key: string }> {
  const { app, key, close } = await openApp(env)
  t.after(close)
  return { address: await app.listen({ port: 0, host: '127.0.0.1' }), key }
}

const usage = (address: string, key: string) =>
  fetch(`${address}/usage`, { headers: { 'x-tenant-api-key': key } })

async function assertLimited(response: Response): Promise<void> {
  assert.equal(response.status, 429)
  const body = (await response.json()) as { request_id: string; error: { code: string } }
  assert.deepEqual([Object.keys(body), body.error.code], [['request_id', 'error'], 'RATE_LIMITED'])
  const { headers } = response
  assert.ok(Number(headers.get('retry-after')) > 0)
  assert.ok(Number(headers.get('x-ratelimit-limit')) > 0)
  assert.equal(headers.get('x-ratelimit-remaining'), '0')
  assert.equal(headers.get('x-ratelimit-reset'), headers.get('retry-after'))
  assert.equal(headers.get('www-authenticate'), null, 'no credential would help')
}

/** Returns the status codes of requests that a proxy forwards for these addresses. Each may fail once. */
async function failuresOf(t: TestContext, env: Record<string, string>, clients: string[]): Promise<number[]> {
  const { app, close } = await openApp(
    { FAILURES_PER_ADDRESS: '1', ...CLERK, ...env },
    { devSignIn: false, demoKey: false },
  )
  t.after(close)
  const codes = []
  for (const client of clients) {
    const { statusCode } = await app.inject({ url: '/usage', headers: { 'x-forwarded-for': client } })
    codes.push(statusCode)
  }
  return codes
}

describe('the reference app tells clients apart', () => {
  test('by the address that a trusted proxy forwards, without its port, or its IPv6 network', async (t) => {
    const CLIENTS: [client: string, status: number][] = [
      ['192.0.2.1', 401],
      ['192.0.2.1', 429],
      ['192.0.2.1:4711', 429],
      ['192.0.2.2:1', 401],
      ['192.0.2.2:2', 429],
      ['192.0.2.9, 192.0.2.2', 429],
      // The proxies themselves are recognized with a port, too.
      ['192.0.2.3, 10.0.0.1:4711', 401],
      ['192.0.2.3, 127.0.0.1:4712', 429],
      ['[2001:db8::1]:4711', 401],
      ['2001:db8:0:0:ffff::2', 429],
      ['"[2001:DB8::3%eth0]:1"', 429],
      ['2001:db8:0:1::1', 401],
      ['::ffff:192.0.2.1', 429],
      ['::ffff:c000:202', 429],
      // Anybody may have sent what precedes an entry that is not an address: then the proxy is the client.
      ['192.0.2.77, unknown', 401],
      ['192.0.2.78, _hidden', 429],
    ]
    const env = { TRUST_PROXY: 'loopback, 10.0.0.0/8' }
    const statuses = await failuresOf(
      t,
      env,
      CLIENTS.map(([client]) => client),
    )
    assert.deepEqual(
      statuses.map((status, index) => [CLIENTS[index]?.[0], status]),
      CLIENTS,
    )
  })

  test('by their own address only if TRUST_PROXY is not set, or names another proxy', async (t) => {
    for (const env of [{}, { TRUST_PROXY: '10.0.0.0/8' }]) {
      assert.deepEqual(await failuresOf(t, env, ['192.0.2.1', '192.0.2.2']), [401, 429])
    }
  })
})

describe('the reference app limits', () => {
  test('the requests of a tenant, and says how many are left', async (t) => {
    const { address, key } = await start(t, { REQUESTS_PER_TENANT: '2' })
    const left = []
    for (let count = 0; count < 2; count++) {
      const { status, headers } = await usage(address, key)
      left.push([status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')])
      assert.ok(Number(headers.get('x-ratelimit-reset')) > 0)
    }
    assert.deepEqual(left, [
      [200, '2', '1'],
      [200, '2', '0'],
    ])
    await assertLimited(await usage(address, key))
    // A refused request does not count for a tenant, and learns nothing about its limit.
    const refused = await usage(address, 'bad')
    assert.deepEqual([refused.status, refused.headers.get('x-ratelimit-limit')], [401, null])
  })

  test('the failures of an address, after which it checks no credential, not even a good one', async (t) => {
    const { app, key, keyStore, close } = await openApp({ FAILURES_PER_ADDRESS: '5' })
    t.after(close)
    const lookUps = t.mock.method(keyStore, 'findByHash')
    const call = async (credential: string, remoteAddress = '192.0.2.1') => {
      const headers = { 'x-tenant-api-key': credential, authorization: `Bearer ${credential}` }
      return app.inject({ url: '/usage', headers, remoteAddress })
    }
    for (let count = 0; count < 5; count++) assert.equal((await call(key)).statusCode, 200)
    const known = lookUps.mock.callCount()
    const statuses = []
    for (let count = 0; count < 8; count++) statuses.push((await call(generateKey('tk', 'test'))).statusCode)
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429])
    assert.equal(lookUps.mock.callCount() - known, 5)
    assert.equal((await call(key)).statusCode, 429)
    assert.equal((await call(key, '192.0.2.2')).statusCode, 200)
    // The other guarded scope shares the limit. Routes without credentials are not affected.
    const others = ['/console/me', '/console/keys', '/live', '/dashboard', '/docs']
    const answers = others.map((url) => app.inject({ url, remoteAddress: '192.0.2.1' }))
    assert.deepEqual(
      (await Promise.all(answers)).map(({ statusCode }) => statusCode),
      [429, 429, 200, 200, 200],
    )
  })

  test('the concurrent failures of an address, while its other requests wait for them', async (t) => {
    const { app, key, keyStore, close } = await openApp({ FAILURES_PER_ADDRESS: '5' })
    t.after(close)
    const lookUps = t.mock.method(keyStore, 'findByHash')
    const burst = (keys: string[], remoteAddress: string) =>
      Promise.all(
        keys.map(async (credential) => {
          const headers = { 'x-tenant-api-key': credential }
          return (await app.inject({ url: '/usage', headers, remoteAddress })).statusCode
        }),
      )
    const bad = await burst(
      Array.from({ length: 105 }, () => generateKey('tk', 'test')),
      '192.0.2.1',
    )
    assert.deepEqual(
      [bad.filter((status) => status === 401).length, bad.filter((status) => status === 429).length],
      [5, 100],
    )
    assert.equal(lookUps.mock.callCount(), 5)
    const good = await burst(Array<string>(50).fill(key), '192.0.2.2')
    assert.deepEqual(new Set(good), new Set([200]))
  })

  test('an address for no longer than the window', async (t) => {
    const { app, close } = await openApp(
      { FAILURES_PER_ADDRESS: '1', ...CLERK },
      { devSignIn: false, demoKey: false },
    )
    t.after(close)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const status = async () => (await app.inject('/usage')).statusCode
    assert.deepEqual([await status(), await status()], [401, 429])
    t.mock.timers.tick(59_999)
    assert.equal(await status(), 429)
    t.mock.timers.tick(1)
    assert.equal(await status(), 401)
  })

  test('failures over HTTP, with the headers that a client needs', async (t) => {
    const { address } = await start(t, { FAILURES_PER_ADDRESS: '1' })
    assert.equal((await usage(address, 'bad')).status, 401)
    await assertLimited(await usage(address, 'bad'))
    await assertLimited(await fetch(`${address}/console/me`))
  })

  test(
    'the requests to all instances that share a Redis',
    { skip: !redisAvailable() && 'no Redis' },
    async (t) => {
      const redis = await startRedis()
      const env = { REDIS_URL: redis.url, REQUESTS_PER_TENANT: '10' }
      const [one, two] = await Promise.all([start(t, env), start(t, env)])
      t.after(() => redis.stop()) // After the apps have closed.
      for (const { address } of [one, two]) {
        for (let count = 0; count < 5; count++) assert.equal((await usage(address, one.key)).status, 200)
      }
      for (const { address, key } of [one, two]) {
        let answer = await usage(address, key)
        // The limiter lets a request pass that it could not count in time, which may happen once on a slow
        // machine. An instance that counted only its own requests would not reach its limit in so few tries.
        for (let tries = 1; tries < 3 && answer.status === 200; tries++) answer = await usage(address, key)
        await assertLimited(answer)
      }
    },
  )
})

interface Operation {
  operationId?: string
  summary?: string
  description?: string
  security?: object[]
  responses: Record<string, { headers?: Record<string, object>; content?: object }>
}

describe('the OpenAPI document of the reference app', () => {
  let open: OpenApp
  let paths: Record<string, Record<string, Operation>>
  const operations = () =>
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
    )
  before(async () => {
    open = await openApp()
    const document = (await open.app.inject('/docs/json')).json<{ paths: typeof paths }>()
    await SwaggerParser.validate(structuredClone(document) as never)
    paths = document.paths
  })
  after(() => open?.close())

  test('has the security of each route, and no route that is not part of the API', () => {
    assert.deepEqual(paths['/usage']?.get?.security, [{ tenantApiKey: [] }])
    assert.deepEqual(paths['/console/keys']?.post?.security, [{ consoleSession: [] }])
    assert.equal(paths['/ready']?.get?.security, undefined)
    assert.deepEqual(
      Object.keys(paths).filter((path) => path === '/' || /dashboard|openapi/.test(path)),
      [],
    )
  })

  test('names and describes every operation', () => {
    const names = operations().map(([, { operationId }]) => operationId)
    assert.ok(names.length > 10, `${names.length} operations`)
    assert.equal(new Set(names).size, operations().length)
    for (const [name, { operationId, summary }] of operations()) {
      assert.ok(operationId, `${name} has an operationId`)
      assert.ok(summary, `${name} has a summary`)
    }
    for (const path of ['/verify/start', '/verify/status', '/tokens/validate', '/usage', '/console/me']) {
      const methods = Object.values(paths[path] ?? {})
      assert.ok(methods.length > 0, path)
      for (const { description } of methods) assert.ok(description, path)
    }
  })

  test('has the 429, with its headers, wherever credentials are checked, and nowhere else', () => {
    for (const [name, { security, responses }] of operations()) {
      const expected = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'Retry-After']
      assert.deepEqual(
        responses[429] && Object.keys(responses[429].headers ?? {}),
        security && expected,
        name,
      )
      assert.equal(responses[429]?.content !== undefined, security !== undefined, name)
    }
  })

  test('has the 400 on routes that take input', () => {
    for (const [method, path] of [
      ['post', '/verify/start'],
      ['get', '/verify/status'],
      ['post', '/tokens/validate'],
      ['post', '/dev/sign-in'],
    ] as const) {
      assert.ok(paths[path]?.[method]?.responses[400], path)
    }
  })

  test('has a viewer', async () => {
    assert.match((await open.app.inject('/docs')).body, /swagger-ui/)
  })
})
