/**
 * Makes small wrong changes to the source, one at a time, and counts how many the tests notice:
 * `npm run test:mutants -- --sample 100 --seed 7 --only src/cache`. Without `--sample`, tries all. `--only` also takes a
 * file, or a line of one: `src/cache/gate.ts:40`. Fails below 97 %.
 *
 * A mutant exists only in bundles of the tests: the source stays as it is. A test notices it by failing or hanging.
 */
import { readFileSync } from 'node:fs'
import { BadArgument, commandLine, runMain, whole } from '../test/faults/arguments.ts'
import { type Bench, filesIn, inOwnFolder, onBenches } from './bench.ts'
import { EQUIVALENT } from './mutants/equivalent.ts'
import { type Mutant, mutantsOf, mutated, sample, testsFor } from './mutants/mutate.ts'
import { Probes } from './mutants/probe.ts'

const FOLDERS = [
  'tenant-auth',
  'console-auth',
  'keys',
  'key-routes',
  'leak-reports',
  'clerk-webhooks',
  'cache',
  'coherence',
  'http',
  'lib',
  'stores',
]
const THRESHOLD = 0.97

/** Without tests that run the package as a process or take minutes: other tests should notice a mutant. */
const TESTS = filesIn('test', '.test.ts').filter(
  (file) => !/^test\/(dashboard|docs|examples|faults|package|bench|servers|harness|cli)/.test(file),
)
/** Tests that start servers. They run for changes of the stores and of the coherence between instances. */
const ON_SERVERS = /^test\/stores\/(postgres|redis)\//
const WITH_SERVERS = /^src\/(stores|coherence)\//
/** Milliseconds that a test file may take, or `SLOWER` times what it takes on the unchanged source if that is longer. */
const PATIENCE = 30_000
const SLOWER = 4
/** Milliseconds that a test file takes on the unchanged source, for files that have failed or been late once. */
const untouched = new Map<string, Promise<number>>()
/** Source files → the tests that have noticed a change of one, the last one first. They will most likely do so again. */
const noticers = new Map<string, string[]>()

await runMain(async () => {
  const { sample: given, seed, only = 'src', parallel } = commandLine(['sample', 'seed', 'only', 'parallel'])
  const [path = '', line] = only.split(':')
  const sources = FOLDERS.flatMap((folder) => filesIn(`src/${folder}`, '.ts')).filter((file) =>
    file.startsWith(path),
  )
  const all = sources
    .flatMap((file) => mutantsOf(file, readFileSync(file, 'utf8')))
    .filter((mutant) => line === undefined || mutant.line === Number(line))
  if (all.length === 0)
    throw new BadArgument(
      `--only takes a path below one of src/{${FOLDERS.join()}}, or a line that has a mutant`,
    )
  const isEquivalent = ({ file, in: line, change }: Mutant) =>
    EQUIVALENT.some((known) => known.file === file && known.in === line && known.change === change)
  const judged = all.filter((mutant) => !isEquivalent(mutant))
  const textOf = ({ file, in: line, change }: Mutant) => `${file} ${line} ${change}`
  const chosen =
    given === undefined
      ? judged
      : sample(judged, whole('sample', given, 100), whole('seed', seed, 1, 0), textOf)
  console.log(
    `${all.length} mutants, ${all.length - judged.length} of them equivalent; ${chosen.length} are tried`,
  )

  return tryAll(chosen, whole('parallel', parallel, 2))
})

async function tryAll(mutants: Mutant[], parallel: number): Promise<boolean> {
  const noticed = new Map<Mutant, boolean>()
  await inOwnFolder(async (folder) => {
    const probes = await Probes.in(folder, [...new Set(mutants.map(({ file }) => file))])
    await onBenches(mutants, parallel, async (mutant, bench) => {
      const isNoticed = await notices(bench, mutant, probes)
      noticed.set(mutant, isNoticed)
      if (noticed.size % 100 === 0) console.log(`${noticed.size} of ${mutants.length} tried`)
      if (isNoticed) return
      console.log(`SURVIVED ${mutant.file}:${mutant.line}\n  in: ${mutant.in}\n  change: ${mutant.change}`)
    })
  })
  const rows: Record<string, { mutants: number; noticed: number; score: string }> = {}
  for (const folder of [...FOLDERS, '']) {
    const these = mutants.filter(({ file }) => file.startsWith(`src/${folder}`))
    const caught = these.filter((mutant) => noticed.get(mutant)).length
    const score = `${((100 * caught) / these.length).toFixed(1)} %`
    if (these.length > 0) rows[folder || 'all'] = { mutants: these.length, noticed: caught, score }
  }
  console.table(rows)
  return (rows.all?.noticed ?? 0) >= THRESHOLD * mutants.length && mutants.length > 0
}

async function notices(bench: Bench, mutant: Mutant, probes: Probes): Promise<boolean> {
  const { file } = mutant
  const change = { file, source: mutated(readFileSync(file, 'utf8'), mutant) }
  const tests = TESTS.filter((test) => WITH_SERVERS.test(file) || !ON_SERVERS.test(test))
  const known = noticers.get(file) ?? []
  const others = testsFor(file, bench.testsWith(file, tests)).filter((test) => !known.includes(test))
  for (const test of [...known, ...others]) {
    if (!(await probes.mayNotice(test, mutant))) continue
    const fails = async (limit: number) => {
      const { ok, late, output } = await bench.test(test, limit, { until: /^\{"fail"/m, change })
      return { late, fails: !ok || !output.includes('{"pass"') }
    }
    const first = await fails(PATIENCE)
    if (!first.fails) continue
    if (!untouched.has(test)) untouched.set(test, timeOf(bench, test))
    const limit = SLOWER * ((await untouched.get(test)) ?? 0)
    if (!first.late || limit < PATIENCE || (await fails(limit)).fails) {
      noticers.set(file, [test, ...known.filter((other) => other !== test)])
      return true
    }
  }
  return false
}

async function timeOf(bench: Bench, test: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    const start = performance.now()
    const { ok, output } = await bench.test(test, 10 * PATIENCE)
    if (ok) return performance.now() - start
    // Tries twice, because a test may fail once on a busy machine. One that fails twice would fail for every mutant.
    if (tries === 2) throw new Error(`${test} must pass where nothing is changed:\n${output}`)
  }
}
