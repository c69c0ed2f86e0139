/** Runs the examples of one idea each, unchanged, and the commands that they print. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runShell, spawnExample, startExample } from './run-example.ts'

/** Starts an example, and runs the curl commands that it prints. */
async function answers(t: TestContext, file: string, commands: number): Promise<string[]> {
  const until = new RegExp(`^(curl .+\n){${commands}}`, 'm')
  const example = await startExample(file, { until })
  t.after(() => example.stop())
  const printed = example.output().match(/^curl .+$/gm) ?? []
  return Promise.all(printed.map((command) => runShell(command)))
}

test('minimal: accepts the key that it prints, and sets the tenant on the request', async (t) => {
  const [answer] = await answers(t, 'minimal.ts', 1)
  assert.deepEqual(JSON.parse(answer ?? ''), { tenant: 'Acme', key: 'server' })
})

test('custom-store: finds a key of another format in a store of five lines', async (t) => {
  const [answer] = await answers(t, 'custom-store.ts', 1)
  assert.deepEqual(JSON.parse(answer ?? ''), { tenant: 'acme' })
})

test('scopes: admits the key to the route whose scope it has, and answers 403 on the other', async (t) => {
  const [usage, validate] = await answers(t, 'scopes.ts', 2)
  assert.deepEqual(JSON.parse(usage ?? ''), { calls: 0 })
  assert.equal(
    (JSON.parse(validate ?? '') as { error: { code: string } }).error.code,
    'AUTH_INSUFFICIENT_SCOPE',
  )
})

test('either-credential: admits either a key or a session, and answers 401 without', async (t) => {
  const example = await startExample('either-credential.ts', { until: /^(curl .+\n){2}/m })
  t.after(() => example.stop())
  const [withKey, withSession] = example.output().match(/^curl .+$/gm) ?? []
  assert.match(await runShell(withKey ?? ''), /^\{"by":"tenant_/)
  assert.equal(await runShell(withSession ?? ''), '{"by":"user_1"}')
  assert.equal((await fetch(`${example.address}/report`)).status, 401)
})

test('testing-a-service: its tests pass', async () => {
  const { child, output } = spawnExample('testing-a-service.ts')
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, output())
  assert.match(output(), /pass 2/)
})

test('import-keys: imports the hashes in a file, and reports an invalid line by its number', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-'))
  const file = join(folder, 'keys.csv')
  const hash = 'ab'.repeat(32)
  const lines = [
    `acme,server,live,${hash},sk_live_1234,wxyz,a b,`,
    `acme,again,live,${hash},,,,`,
    'acme,odd,live,x,,,,',
  ]
  writeFileSync(file, lines.join('\n'))
  const { child, output } = spawnExample('import-keys.ts', {}, [file])
  const [code] = (await once(child, 'close')) as [number | null]
  rmSync(folder, { recursive: true })
  assert.equal(code, 1)
  assert.match(output(), /^line 3: hash must be /m)
  assert.match(output(), /^1 imported, 1 there already, 1 refused$/m)
})
