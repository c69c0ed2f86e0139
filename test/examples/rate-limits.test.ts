/** The limits and the document of the reference app, as its clients meet them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import { redisAvailable, startRedis } from '../servers/index.ts'
import { type OpenApp, openApp } from './in-process.ts'
import { type RunningExample, startExample } from './run-example.ts'

const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-limits-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let instances = 0

async function start(t: TestContext, env: NodeJS.ProcessEnv): Promise<{ app: RunningExample; key: string }> {
  const DATA_FOLDER = join(folder, `data-${instances++}`)
  const app = await startExample('loom-api/server.ts', {
    env: { DATA_FOLDER, ...env },
    until: /console\/me/,
  })
  t.after(() => app.stop())
  return { app, key: /^ {2}(tk_test_\w{39})$/m.exec(app.output())?.[1] ?? '' }
}

const usage = (app: RunningExample, key: string) =>
  fetch(`${app.address}/usage`, { headers: { 'x-tenant-api-key': key } })

async function assertLimited(response: Response): Promise<void> {
  assert.equal(response.status, 429)
  const body = (await response.json()) as { request_id: string; error: { code: string } }
  assert.deepEqual([Object.keys(body), body.error.code], [['request_id', 'error'], 'RATE_LIMITED'])
  const { headers } = response
  assert.ok(Number(headers.get('retry-after')) > 0)
  assert.ok(Number(headers.get('x-ratelimit-limit')) > 0)
  assert.equal(headers.get('x-ratelimit-remaining'), '0')
  assert.equal(headers.get('x-ratelimit-reset'), headers.get('retry-after'))
  assert.equal(headers.get('www-authenticate'), null, 'nothing that would help is asked for')
}

/** Status codes of failures that a proxy says come from these addresses, where each may fail once. */
async function failuresOf(t: TestContext, env: Record<string, string>, clients: string[]): Promise<number[]> {
  const { app, close } = await openApp({ FAILURES_PER_ADDRESS: '1', ...env })
  t.after(close)
  const codes = []
  for (const client of clients) {
    const { statusCode } = await app.inject({ url: '/usage', headers: { 'x-forwarded-for': client } })
    codes.push(statusCode)
  }
  return codes
}

describe('the reference app tells clients apart', () => {
  test('by what the proxy says that TRUST_PROXY names', async (t) => {
    const env = { TRUST_PROXY: 'loopback' }
    assert.deepEqual(
      await failuresOf(t, env, ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.9, 192.0.2.2']),
      [401, 429, 401, 429],
    )
  })

  test('by their address alone where TRUST_PROXY is not set, or names another', async (t) => {
    for (const env of [{}, { TRUST_PROXY: '10.0.0.0/8' }]) {
      assert.deepEqual(await failuresOf(t, env, ['192.0.2.1', '192.0.2.2']), [401, 429])
    }
  })
})

describe('the reference app limits', () => {
  test('how often a tenant calls, and says how much is left', async (t) => {
    const { app, key } = await start(t, { REQUESTS_PER_TENANT: '2' })
    const left = []
    for (let count = 0; count < 2; count++) {
      const { status, headers } = await usage(app, key)
      left.push([status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')])
      assert.ok(Number(headers.get('x-ratelimit-reset')) > 0)
    }
    assert.deepEqual(left, [
      [200, '2', '1'],
      [200, '2', '0'],
    ])
    await assertLimited(await usage(app, key))
    // Who is refused spends nothing of a tenant's, and is told nothing of its limit.
    const refused = await usage(app, 'bad')
    assert.deepEqual([refused.status, refused.headers.get('x-ratelimit-limit')], [401, null])
  })

  test('how often an address fails to authenticate, and nothing else that comes from there', async (t) => {
    const { app, key } = await start(t, { FAILURES_PER_ADDRESS: '2' })
    for (let count = 0; count < 5; count++) assert.equal((await usage(app, key)).status, 200)
    for (let count = 0; count < 2; count++) assert.equal((await usage(app, 'bad')).status, 401)
    await assertLimited(await usage(app, 'bad'))
    await assertLimited(await fetch(`${app.address}/console/me`))
    await assertLimited(await fetch(`${app.address}/console/keys`))
    // Others behind the same address have done nothing.
    assert.equal((await usage(app, key)).status, 200)
    for (const path of ['/health', '/dashboard', '/docs']) {
      assert.equal((await fetch(app.address + path)).status, 200, path)
    }
  })

  test(
    'what instances that share a Redis see together',
    { skip: !redisAvailable() && 'no Redis' },
    async (t) => {
      const redis = await startRedis()
      t.after(() => redis.stop())
      const env = { REDIS_URL: redis.url, REQUESTS_PER_TENANT: '10' }
      const [one, two] = await Promise.all([start(t, env), start(t, env)])
      for (const { app } of [one, two]) {
        for (let count = 0; count < 5; count++) assert.equal((await usage(app, one.key)).status, 200)
      }
      for (const { app, key } of [one, two]) {
        let answer = await usage(app, key)
        // The limiter lets pass what it could not count in time, which a slow machine may make it do once. So few tries that
        // an instance which counted for itself would not come to its limit.
        for (let tries = 1; tries < 3 && answer.status === 200; tries++) answer = await usage(app, key)
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

  test('says what each route takes, and nothing of what is no part of the API', () => {
    assert.deepEqual(paths['/usage']?.get?.security, [{ tenantApiKey: ['usage:read'] }])
    assert.deepEqual(paths['/console/keys']?.post?.security, [{ consoleSession: [] }])
    assert.equal(paths['/health']?.get?.security, undefined)
    assert.deepEqual(
      Object.keys(paths).filter((path) => path === '/' || /dashboard|openapi/.test(path)),
      [],
    )
  })

  test('names and describes every operation', () => {
    const names = operations().map(([, { operationId }]) => operationId)
    assert.equal(new Set(names).size, operations().length)
    for (const [name, { operationId, summary }] of operations()) {
      assert.ok(operationId, `${name} has an operationId`)
      assert.ok(summary, `${name} has a summary`)
    }
    for (const path of ['/verify/start', '/verify/status', '/tokens/validate', '/usage', '/console/me']) {
      for (const { description } of Object.values(paths[path] ?? {})) assert.ok(description, path)
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

  test('has the 400 of the routes that take something', () => {
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
