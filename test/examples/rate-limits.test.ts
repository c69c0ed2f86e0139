/** The limits and the document of the reference app, as its clients meet them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import { redisAvailable, startRedis } from '../servers/index.ts'
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
  assert.ok(Number(response.headers.get('retry-after')) > 0)
}

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

  test('how often an address fails to authenticate', async (t) => {
    const { app, key } = await start(t, { FAILURES_PER_ADDRESS: '2' })
    for (let count = 0; count < 5; count++) assert.equal((await usage(app, key)).status, 200)
    for (let count = 0; count < 2; count++) assert.equal((await usage(app, 'bad')).status, 401)
    await assertLimited(await usage(app, 'bad'))
    await assertLimited(await usage(app, key))
  })

  test(
    'what instances that share a Redis see together',
    { skip: !redisAvailable() && 'no Redis' },
    async (t) => {
      const redis = await startRedis()
      t.after(() => redis.stop())
      const env = { REDIS_URL: redis.url, REQUESTS_PER_TENANT: '2' }
      const [one, two] = await Promise.all([start(t, env), start(t, env)])
      assert.equal((await usage(one.app, one.key)).status, 200)
      assert.equal((await usage(two.app, one.key)).status, 200)
      await assertLimited(await usage(one.app, one.key))
      await assertLimited(await usage(two.app, two.key))
    },
  )
})

test('the reference app serves a valid OpenAPI document, and a viewer for it', async (t) => {
  const { app } = await start(t, {})
  const response = await fetch(`${app.address}/docs/json`)
  const document = (await response.json()) as {
    paths: Record<string, Record<string, { security?: object[] }>>
  }
  await SwaggerParser.validate(structuredClone(document) as never)
  assert.deepEqual(document.paths['/usage']?.get?.security, [{ tenantApiKey: ['usage:read'] }])
  assert.deepEqual(document.paths['/console/keys']?.post?.security, [{ consoleSession: [] }])
  assert.equal(document.paths['/health']?.get?.security, undefined)
  assert.ok(
    Object.keys(document.paths).every((path) => !path.includes('dashboard') && !path.includes('openapi')),
  )
  const viewer = await fetch(`${app.address}/docs`)
  assert.match(await viewer.text(), /swagger-ui/)
})
