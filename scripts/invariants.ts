/**
 * Takes the rules that make the cache safe out of the code, one at a time, in a copy of it, and shows that tests fail:
 * `npm run test:invariants -- --trials 20 --only 3`. A rule that can go without a test failing is a rule without a test.
 *
 * A removal is caught by a test that fails of an assertion, and the table names it. The untouched copy must pass all of
 * them, and its trials be without a violation. What the trials say of a removal is for people: they may miss a race.
 *
 * The numbers are those of docs/coherence.md.
 */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { BadArgument, commandLine, runMain, whole } from '../test/faults/arguments.ts'
import { verdictOf } from '../test/faults/removal-verdict.ts'
import { DETERMINISTIC, type Removal, REMOVALS, without } from '../test/faults/removals.ts'

/** Milliseconds. Code without one of its rules may as well hang. */
const LIMIT = 300_000
const TSX = ['--import', 'tsx']
/** As in scripts/test.mjs. */
const END = ['--import', './test/harness/end-with-last-test.mjs']
const REPORTER = '--test-reporter=./test/faults/failure-reporter.mjs'

interface Row {
  rule: string
  'taken out': string
  verdict: string
  /** The first test that failed, and how many more did. */
  'caught by': string
  'violations in trials': string
}

await runMain(async () => {
  const { only, trials: given } = commandLine(['only', 'trials'])
  const trials = whole('trials', given, 20, 0)
  const removals = REMOVALS.filter(({ rule }) => only === undefined || rule === only)
  if (removals.length === 0)
    throw new BadArgument(`--only takes one of ${[...new Set(REMOVALS.map(({ rule }) => rule))].join(', ')}`)
  const rows: Row[] = []
  for (const removal of [undefined, ...removals]) {
    rows.push(await rowFor(removal, trials))
    console.log(rows.at(-1))
  }
  console.table(rows)
  const [untouched, ...others] = rows
  const fine = untouched?.verdict === 'passes' && ['0', 'not run'].includes(untouched['violations in trials'])
  return fine && others.every(({ verdict }) => verdict === 'caught')
})

async function rowFor(removal: Removal | undefined, trials: number): Promise<Row> {
  const folder = await copy(removal)
  try {
    const all = [...new Set([...DETERMINISTIC, ...REMOVALS.flatMap(({ tests }) => tests ?? [])])]
    const paths = removal === undefined ? all : (removal.tests ?? DETERMINISTIC)
    const args = ['--test', REPORTER, '--test-timeout=60000', ...(await filesOf(paths))]
    const { verdict, tests } = verdictOf(await run(folder, [...TSX, ...END, ...args]))
    const [first = '', ...more] = tests
    return {
      rule: removal?.rule ?? '-',
      'taken out': removal?.what ?? 'nothing',
      verdict: removal === undefined && verdict === 'NOT CAUGHT' ? 'passes' : verdict,
      'caught by': more.length === 0 ? first : `${first}, and ${more.length} more`,
      'violations in trials': trials === 0 ? 'not run' : await violations(folder, trials),
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function violations(folder: string, trials: number): Promise<string> {
  const { output, ok, late } = await run(folder, [...TSX, 'scripts/trials.ts', '--trials', String(trials)])
  const [, count] = /^ {2}violations: (\d+)/m.exec(output) ?? []
  if (count === undefined) return late ? 'hung' : 'broken'
  // Other than by violations, the run fails where not all of them were played.
  return count === '0' && !ok ? 'broken' : count
}

/** The test files at or below the paths. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const files = (await readdir('test', { recursive: true })).map((file) => join('test', file)).sort()
  return files.filter((file) => file.endsWith('.test.ts') && paths.some((path) => file.startsWith(path)))
}

async function copy(removal: Removal | undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'invariants-'))
  for (const name of ['src', 'test', 'scripts', 'package.json', 'tsconfig.json']) {
    await cp(name, join(folder, name), { recursive: true })
  }
  await symlink(resolve('node_modules'), join(folder, 'node_modules'))
  if (removal === undefined) return folder
  const file = join(folder, removal.file)
  await writeFile(file, without(await readFile(file, 'utf8'), removal))
  return folder
}

function run(folder: string, args: string[]): Promise<{ ok: boolean; output: string; late: boolean }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: folder, detached: true })
    let late = false
    const timer = setTimeout(() => {
      late = true
      // The whole group, test runner and tests.
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    }, LIMIT)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ ok: code === 0, output, late })
    })
  })
}
