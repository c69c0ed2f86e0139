/** Which runs of Node's own test runner count as having caught that a rule is missing. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { verdictOf } from './removal-verdict.ts'

const REPORTER = fileURLToPath(new URL('failure-reporter.mjs', import.meta.url))
const IMPORTS = `import assert from 'node:assert/strict'; import { describe, test } from 'node:test';`
const folder = mkdtempSync(join(tmpdir(), 'verdicts-'))
after(() => rmSync(folder, { recursive: true }))

function run(source: string, limit = 60_000) {
  const file = join(folder, 'a.test.mjs')
  writeFileSync(file, IMPORTS + source)
  const args = ['--test', `--test-reporter=${REPORTER}`, '--test-timeout=30000', file]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, status, signal } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: limit,
    killSignal: 'SIGKILL',
    env,
  })
  const { verdict, tests } = verdictOf({ output: stdout, ok: status === 0, late: signal !== null })
  return [verdict, ...tests]
}

test('a run whose tests all pass has caught nothing', () => {
  assert.deepEqual(run(`test('a', () => {}); test('b', () => {})`), ['NOT CAUGHT'])
})
test('a run with a failed assertion has caught it', () => {
  assert.deepEqual(
    run(`describe('s', () => { test('a', () => {}); test('b', async () => assert.equal(1, 2)) })`),
    ['caught', 'b'],
  )
})
test('a run with a failed assertion in a property has caught it', () => {
  const fastCheck = JSON.stringify(import.meta.resolve('fast-check'))
  const property = `import fc from ${fastCheck}; test('p', () => fc.assert(fc.property(fc.nat(), (n) => assert.ok(n < 5))))`
  assert.deepEqual(run(property), ['caught', 'p'])
})
test('a run with any other error has broken code', () => {
  assert.deepEqual(run(`test('a', () => { throw new TypeError('x is not a function') })`), ['broken'])
})
test('a file that does not load is broken code', () => {
  assert.deepEqual(run(`test('a', () => assert.equal(1, 2)); import './no-such-file.ts'`), ['broken'])
  assert.deepEqual(run('this is no code'), ['broken'])
})
test('a run that hangs has hung, not caught it', () => {
  assert.deepEqual(
    run(`setTimeout(() => {}, 10_000); test('a', { timeout: 200 }, () => new Promise(() => {}))`, 5_000),
    ['hung'],
  )
})
test('a file without tests is broken', () => {
  assert.deepEqual(verdictOf({ output: '', ok: true, late: false }).verdict, 'broken')
})
