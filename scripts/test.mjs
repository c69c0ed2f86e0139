// Runs the tests.
//
//   npm test                        all but those that take long for a reason
//   npm test -- test/cache          those below a path, of either sort
//   npm test -- src/cache/gate.ts   those of a source file: of the folder that mirrors its own, those that load it
//   npm run test:browser            a set of those that take long: `node scripts/test.mjs --set browser`
//   npm run test:portable           `npm test` without what starts servers: for the other versions of Node
//   npm run test:coverage           all but those that take long, with coverage
//
// The files are listed here and passed by name, because Node 20 takes a quoted glob for a file that is not there, runs
// nothing, and reports success. For the same reason a run that counts no test is a failure.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { leak } from '../test/harness/watch-logs.mjs'
import { buildTests, bundleTests, testsLoading } from './build-tests.mjs'

/** What takes long for a reason, by the command that runs it. */
const SETS = {
  browser: /^test\/dashboard\/(?!smoke\.)/,
  docs: /^test\/docs\/blocks\./,
  examples: /^test\/examples\/(odd-requests|operations|rate-limits|settings)\./,
  faults:
    /^test\/faults\/(trials|barrier|flood|herd|outage|push-silent)\.|^test\/examples\/fleet-demo\.|^test\/stores\/postgres\/(dumps|failover|scale|versions)\./,
  package: /^test\/package\//,
}
/** What starts servers, the sample or tools. Another version of Node has no part in what comes of it. */
const ON_SERVERS =
  /^test\/(stores\/(postgres|redis)|servers|examples\/(?!sqlite-store)|cli\/(commands|closing)|docs|faults|harness|model)/
/** Files that wait for servers and processes: they go first, so that none of them is left over at the end. */
const FIRST = /^test\/(stores|examples|cli|servers|faults|console-auth|docs)/

const { values, positionals } = parseArgs({
  options: { set: { type: 'string' }, coverage: { type: 'boolean' } },
  allowPositionals: true,
})
const { set, coverage = false } = values
if (set !== undefined && set !== 'portable' && !Object.hasOwn(SETS, set))
  throw new Error(`--set takes one of portable, ${Object.keys(SETS).join(', ')}`)
const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((file) => join('test', file))
  .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
const paths = []
for (const path of positionals.map((given) => relative('.', given))) {
  paths.push(...(path.startsWith('src/') ? await testsLoading(path, tests) : [path]))
}
const whole = positionals.length === 0

function isWanted(file) {
  if (!whole) return paths.some((path) => file.startsWith(path))
  if (Object.hasOwn(SETS, set ?? '')) return SETS[set].test(file)
  const takesLong = Object.values(SETS).some((long) => long.test(file))
  return !takesLong && !(set === 'portable' && ON_SERVERS.test(file))
}

const files = tests
  .filter(isWanted)
  .sort((a, b) => Number(FIRST.test(b)) - Number(FIRST.test(a)) || (a < b ? -1 : 1))
if (files.length === 0) throw new Error(`there is no test at ${positionals.join(', ')}`)

/** Milliseconds for the whole run, several times what it takes, so that one which hangs fails and says so. */
const LIMIT = 20 * 60_000

// No log line of any process of the run may hold a credential, nor may what the run itself prints.
const folder = mkdtempSync(join(tmpdir(), 'fastify-tenant-auth-'))
const watched = join(folder, 'logs')
writeFileSync(watched, '')
const watch = new URL('../test/harness/watch-logs.mjs', import.meta.url)

// Within the repository, because packages are looked for from there.
mkdirSync('.tests', { recursive: true })
const built = mkdtempSync('.tests/run-')
await (coverage ? buildTests(built) : bundleTests(files, built))

const nodeTest = [
  '--enable-source-maps',
  '--import',
  './test/harness/end-with-last-test.mjs',
  '--test',
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  '--test-reporter=./test/harness/tally.mjs',
  `--test-reporter-destination=${join(folder, 'tally')}`,
  '--test-timeout=600000',
  '--test-concurrency=4',
  ...files.map((file) => join(built, file.replace(/\.ts$/, '.js'))),
]
const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')
const covered = join(built, 'src')
const measured = [c8, '--src', covered, '--include', `${covered}/**`, process.execPath, ...nodeTest]
const child = spawn(process.execPath, coverage ? measured : nodeTest, {
  stdio: ['ignore', 'pipe', 'pipe'],
  // A group of its own, so that all of it can be ended.
  detached: true,
  env: {
    ...process.env,
    WATCH_LOGS: watched,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${watch}`.trim(),
    TEST_BUILD: resolve(built),
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
for (const [stream, shown] of [
  [child.stdout, process.stdout],
  [child.stderr, process.stderr],
]) {
  createInterface({ input: stream }).on('line', (line) => {
    shown.write(`${line}\n`)
    const found = leak(line)
    if (found !== undefined) leaks.push(found)
  })
}

child.on('close', (code) => {
  const { passed, failed, skipped } = tally()
  const notes = readFileSync(watched, 'utf8').split('\n')
  for (const path of [folder, built]) rmSync(path, { recursive: true })
  leaks.push(...notes.filter((note) => note.startsWith('leak: ')))
  const logging = notes.filter((note) => note.startsWith('watching ')).length

  const problems = [
    late && `The run did not end within ${LIMIT / 60_000} minutes.`,
    passed === 0 && 'No test was counted.',
    skipped.length > 0 && `Skipped:\n${skipped.map((name) => `  ${name}`).join('\n')}`,
    process.env.CI && skipped.length > 0 && 'In CI nothing may be skipped.',
    whole && set === undefined && logging === 0 && 'No process was seen to log, so no log was watched.',
    leaks.length > 0 && `A credential in a log or in the output:\n${leaks.join('\n')}`,
    failed.length > 0 && `Failed:\n${failed.map((name) => `  ${name}`).join('\n')}`,
  ].filter(Boolean)
  for (const problem of problems) console.error(problem)
  console.log(
    `Logs of ${logging} processes watched, ${leaks.length} credentials seen in them or in the output.`,
  )
  console.log(`${passed} passed, ${failed.length + Number(late)} failed, ${skipped.length} skipped`)
  const harmless = skipped.length > 0 && !process.env.CI ? 1 : 0
  process.exit(code === 0 && problems.length === harmless ? 0 : 1)
})

/** What `test/harness/tally.mjs` has counted: nothing where the run was ended before it could say. */
function tally() {
  try {
    return JSON.parse(readFileSync(join(folder, 'tally'), 'utf8'))
  } catch {
    return { passed: 0, failed: ['the run'], skipped: [] }
  }
}
