/** The reference app under an orchestrator: probes, an unreachable store, and shutdown under load. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { inWords } from '../../examples/loom-api/cause.ts'
import { generateKey } from '../../src/keys/key-format.ts'
import { until } from '../harness/until.ts'
import { startPostgres } from '../servers/index.ts'
import { openApp } from './in-process.ts'
import { spawnExample, startSample } from './run-example.ts'

const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-operations-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Returns a port on which nothing listens any more. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

test('an instance that shuts down is live but not ready, and closes its connections', async (t) => {
  const { app, retire, close, key } = await openApp()
  t.after(close)
  const usage = () => app.inject({ url: '/usage', headers: { 'x-tenant-api-key': key } })
  const probe = async (url: string) => {
    const { statusCode, body } = await app.inject(url)
    return [statusCode, JSON.parse(body)]
  }
  assert.deepEqual(await probe('/live'), [200, { status: 'live' }])
  await until(async () => (await app.inject('/ready')).statusCode === 200)
  assert.deepEqual(await probe('/ready'), [200, { status: 'ready', degraded: null }])
  assert.notEqual((await usage()).headers.connection, 'close')
  retire()
  assert.deepEqual(await probe('/live'), [200, { status: 'live' }])
  assert.deepEqual(await probe('/ready'), [503, { status: 'closing', degraded: null }])
  const answer = await usage()
  assert.deepEqual([answer.statusCode, answer.headers.connection], [200, 'close'])
})

test('SIGTERM under load loses no request', async () => {
  const sample = await startSample({
    DATA_FOLDER: join(folder, 'load'),
    DRAIN_SECONDS: '5',
    REQUESTS_PER_TENANT: '1000000',
  })
  const key = /^ {2}(tk_test_\w{39})$/m.exec(sample.output())?.[1] ?? ''
  const usage = () => fetch(`${sample.address}/usage`, { headers: { 'x-tenant-api-key': key } })
  await until(async () => (await fetch(`${sample.address}/ready`)).status === 200)
  const statuses = new Map<number, number>()
  const balancer = { sends: true }

  /** A client behind a balancer: it sends requests as long as the instance is ready. */
  const client = async () => {
    while (balancer.sends) {
      const answer = await usage()
      await answer.arrayBuffer()
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    }
  }
  const probe = async () => {
    while ((await fetch(`${sample.address}/ready`)).status === 200) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    balancer.sends = false
  }
  const all = Promise.all([probe(), ...Array.from({ length: 8 }, client)])
  while ((statuses.get(200) ?? 0) < 50) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(await sample.stop('SIGTERM'), 0)
  await all
  assert.deepEqual([...statuses.keys()], [200])
})

describe('an unreachable key store', () => {
  for (const [variable, scheme] of [
    ['DATABASE_URL', 'postgres'],
    ['REDIS_URL', 'redis'],
  ] as const) {
    test(`ends the app at start, with one line that names ${variable}`, async () => {
      const url = `${scheme}://someone:secret-1@127.0.0.1:${await freePort()}/0`
      const { child, output } = spawnExample('loom-api/server.ts', { [variable]: url }, ['--dev-sign-in'])
      assert.deepEqual(await once(child, 'close'), [1, null])
      const lines = output().trim().split('\n')
      assert.equal(lines.length, 1, output())
      assert.match(
        lines[0] ?? '',
        /^The key store cannot be used: connect ECONNREFUSED .*nobody listens there/,
      )
      assert.ok(lines[0]?.includes(variable))
      assert.doesNotMatch(output(), /secret-1/)
    })
  }

  test('is waited for with WAIT_FOR_STORE: the app is live, not ready, and answers 503', async (t) => {
    const server = await startPostgres()
    t.after(() => server.stop())
    await server.stop()
    const { app, opened, close, lines } = await openApp(
      { DATABASE_URL: server.connectionString, WAIT_FOR_STORE: 'true' },
      { demoKey: false },
    )
    t.after(close)
    const headers = { 'x-tenant-api-key': generateKey('tk', 'test') }
    const status = async (url: string) => (await app.inject({ url, headers })).statusCode
    assert.deepEqual([await status('/live'), await status('/ready'), await status('/usage')], [200, 503, 503])
    assert.equal((await app.inject('/ready')).json<{ status: string }>().status, 'starting')
    await server.start()
    await opened
    assert.deepEqual([await status('/live'), await status('/usage')], [200, 401])
    const said = lines.filter((line) => line.includes('waiting for the key store'))
    assert.equal(new Set(said).size, said.length)
    assert.match(said[0] ?? '', /waiting for the key store: \S/)
  })
})

test('inWords describes an error and its cause in one line', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' })
  const CASES: [unknown, string][] = [
    [refused, 'connect ECONNREFUSED ::1:1 (nobody listens there)'],
    [
      new AggregateError([refused, new Error('other')], ''),
      'connect ECONNREFUSED ::1:1 (nobody listens there)',
    ],
    [new Error('Failed.', { cause: new Error('too many\n  connections') }), 'Failed: too many connections'],
    [new Error('a b', { cause: new Error('a') }), 'a b'],
    [new Error(''), 'Error'],
    ['thrown text', 'thrown text'],
  ]
  for (const [error, expected] of CASES) assert.equal(inWords(error), expected)
})
