/** An app that is never closed does not keep its process alive. Each thread has a label of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { program } from '../harness/program.ts'
import { redisAvailable, startPostgres, startRedis } from '../servers/index.ts'

/** Returns what the program has printed, once it has exited by itself. */
async function run(store: string, url: string) {
  const child = spawn(process.execPath, program('test/tenant-auth/forgets-to-close.ts'), {
    env: { ...process.env, STORE: store, URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // Generous: the test is whether it exits at all.
  const limit = setTimeout(() => child.kill('SIGKILL'), 90_000)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  const ended = await once(child, 'close')
  clearTimeout(limit)
  assert.deepEqual(ended, [0, null], output)
  return {
    pid: child.pid,
    said: JSON.parse(output) as { statusCode: number; state: string; labels: string[] },
  }
}

test('a program on PostgreSQL exits without closing its app, and labels its threads', async (t) => {
  const server = await startPostgres()
  t.after(() => server.stop())
  const { pid, said } = await run('PostgreSQL', server.connectionString)
  assert.deepEqual([said.statusCode, said.state], [401, 'coherent'])
  const here = `${hostname()}:${pid}`
  assert.equal(said.labels.length, 2)
  for (const end of [/^$/, /^:\d+$/]) {
    assert.ok(
      said.labels.some((label) => label.startsWith(here) && end.test(label.slice(here.length))),
      said.labels.join(),
    )
  }
})

for (const library of ['node-redis', 'ioredis']) {
  test(
    `a program on Redis with ${library} exits without closing its app`,
    { skip: !redisAvailable() && 'redis-server is not installed' },
    async (t) => {
      const server = await startRedis()
      t.after(() => server.stop())
      const { said } = await run(library, server.url)
      assert.deepEqual([said.statusCode, said.state], [401, 'coherent'])
    },
  )
}
