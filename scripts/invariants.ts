/**
 * Takes the rules that make the cache safe out of the code, one at a time, in a copy of it, and shows that tests fail:
 * `npm run test:invariants -- --trials 20 --only 3`. A rule that can go without a test failing is a rule without a test.
 *
 * The numbers are those of docs/coherence.md.
 */
import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Removal, REMOVALS, without } from '../test/faults/removals.ts'

/** What a removal must make fail, without any server: the race logic on a clock of the test's own. */
const DETERMINISTIC = ['test/cache', 'test/tenant-auth', 'test/stores/fleet-barrier.test.ts']
/** Milliseconds. Code without one of its rules may as well hang. */
const LIMIT = 300_000

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '20' }, only: { type: 'string' } },
})
const removals = REMOVALS.filter(({ rule }) => values.only === undefined || rule === values.only)
const rows: Record<string, string>[] = []
for (const removal of [undefined, ...removals]) {
  const folder = await copy(removal)
  try {
    const tests = await run(folder, ['scripts/test.mjs', ...DETERMINISTIC])
    const [, failing] = /(\d+) failed, \d+ skipped/.exec(tests.output) ?? []
    const trials =
      Number(values.trials) > 0
        ? await run(folder, ['--import', 'tsx', 'scripts/faults.ts', '--trials', values.trials])
        : undefined
    const [, violations] = /violations: (\d+)/.exec(trials?.output ?? '') ?? []
    rows.push({
      rule: removal?.rule ?? '-',
      'taken out': removal?.what ?? 'nothing',
      'tests that fail': failing ?? (tests.ok ? '0' : 'all'),
      violations: trials === undefined ? 'not run' : (violations ?? (trials.ok ? '0' : 'broken')),
      caught: tests.ok ? 'NO' : 'yes',
    })
  } finally {
    await rm(folder, { recursive: true })
  }
  console.log(rows.at(-1))
}
console.table(rows)
const [untouched, ...others] = rows
process.exit(untouched?.caught === 'NO' && others.every(({ caught }) => caught === 'yes') ? 0 : 1)

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

function run(folder: string, args: string[]): Promise<{ ok: boolean; output: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: folder, detached: true })
    // The whole group, test runner and tests.
    const timer = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), LIMIT)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    child.on('close', (code) => {
      clearTimeout(timer)
      done({ ok: code === 0, output })
    })
  })
}
