// Runs the tests: `npm test` all of them with coverage, `npm test -- test/cache` those below a path, without.
//
// The files are listed here and passed by name, because Node 20 takes a quoted glob for a file that is not there, runs
// nothing, and reports success. For the same reason a run that counts no test is a failure.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { leak } from '../test/harness/watch-logs.mjs'

const only = process.argv.slice(2)
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((file) => join('test', file))
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => only.length === 0 || only.some((path) => file.startsWith(path.replace(/^\.\//, ''))))
  .sort()

/** Milliseconds for the whole run, several times what it takes, so that one which hangs fails and says so. */
const LIMIT = 20 * 60_000
/** Each test, and each file as well. */
const limits = ['--test-reporter=spec', '--test-timeout=600000', '--test-concurrency=2']
const nodeTest = [
  '--enable-source-maps',
  '--import',
  'tsx',
  '--import',
  './test/harness/end-with-last-test.mjs',
  '--test',
  ...limits,
  ...files,
]
const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')
const withCoverage = only.length === 0

// No log line of any process of the run may hold a credential, nor may what the run itself prints.
const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-'))
const watched = join(folder, 'logs')
writeFileSync(watched, '')
const watch = new URL('../test/harness/watch-logs.mjs', import.meta.url)
const child = spawn(process.execPath, withCoverage ? [c8, process.execPath, ...nodeTest] : nodeTest, {
  stdio: ['ignore', 'pipe', 'pipe'],
  // A group of its own, so that all of it can be ended.
  detached: true,
  env: {
    ...process.env,
    WATCH_LOGS: watched,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${watch}`.trim(),
  },
})

const end = () => {
  // Without an id it was never started.
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, end)
let late = false
setTimeout(() => {
  late = true
  end()
}, LIMIT).unref()

const leaks = []
/** What the reporter counts. Lines of failing tests follow, as many as there are. */
const counts = { pass: 0, fail: 0, cancelled: 0, skipped: 0 }
for (const [stream, shown] of [
  [child.stdout, process.stdout],
  [child.stderr, process.stderr],
]) {
  createInterface({ input: stream }).on('line', (line) => {
    shown.write(`${line}\n`)
    const [, what, count] =
      /^ℹ (pass|fail|cancelled|skipped) (\d+)$/.exec(stripVTControlCharacters(line)) ?? []
    if (what !== undefined) counts[what] = Number(count)
    const found = leak(line)
    if (found !== undefined) leaks.push(found)
  })
}

child.on('close', (code) => {
  const { pass: passed, skipped } = counts
  const failed = counts.fail + counts.cancelled + Number(late)
  const notes = readFileSync(watched, 'utf8').split('\n')
  rmSync(folder, { recursive: true })
  leaks.push(...notes.filter((note) => note.startsWith('leak: ')))
  const logging = notes.filter((note) => note.startsWith('watching ')).length

  const problems = [
    late && `The run did not end within ${LIMIT / 60_000} minutes.`,
    passed === 0 && 'No test was counted.',
    process.env.CI && skipped > 0 && 'Tests were skipped, and in CI none may be.',
    only.length === 0 && logging === 0 && 'No process was seen to log, so no log was watched.',
    leaks.length > 0 && `A credential in a log or in the output:\n${leaks.join('\n')}`,
  ].filter(Boolean)
  for (const problem of problems) console.error(problem)
  console.log(
    `Logs of ${logging} processes watched, ${leaks.length} credentials seen in them or in the output.`,
  )
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exit(code === 0 && problems.length === 0 ? 0 : 1)
})
