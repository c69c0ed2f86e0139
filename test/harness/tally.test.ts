/** How the tally counts a run, on Node's own test runner. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'tally-'))
after(() => rmSync(folder, { recursive: true }))

function tallyOf(source: string) {
  const file = join(folder, 'a.test.mjs')
  writeFileSync(file, `import { before, describe, it, test } from 'node:test'\n${source}`)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const reporter = fileURLToPath(new URL('tally.mjs', import.meta.url))
  const { stdout } = spawnSync(process.execPath, ['--test', `--test-reporter=${reporter}`, file], { env })
  const { passed, failed, skipped } = JSON.parse(String(stdout)) as {
    passed: number
    failed: string[]
    skipped: string[]
  }
  return { passed, failed: failed.map((name) => name.replace(/ \(.*\)$/, '')), skipped }
}

it('the tally counts each test that passes and names each that fails, but not its suite', () => {
  assert.deepEqual(
    tallyOf(`
      describe('suite', () => { it('a', () => {}); it('b', () => { throw new Error('no') }) })
      test('c', async (t) => { await t.test('d', () => {}) })`),
    { passed: 3, failed: ['b'], skipped: [] },
  )
})

it('the tally names skipped tests and skipped suites', () => {
  assert.deepEqual(
    tallyOf(`
      describe('suite', { skip: 'no Chromium' }, () => { it('a', () => {}) })
      test('b', { skip: true }, () => {})
      test('c', () => {})`),
    { passed: 1, failed: [], skipped: ['suite: no Chromium', 'b'] },
  )
})

it('the tally has a failure when a suite cannot start', () => {
  const { passed, failed } = tallyOf(
    `describe('suite', () => { before(() => { throw new Error('no') }); it('a', () => {}) })`,
  )
  assert.equal(passed, 0)
  assert.ok(failed.length > 0)
})
