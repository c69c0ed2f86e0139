/**
 * Changes the source at random in small wrong ways, one at a time, and counts what the tests notice:
 * `npm run test:mutants -- --sample 100 --seed 7 --only src/cache`. Without `--sample` all of them. Fails under 97 %.
 *
 * A mutant exists in bundles of the tests alone: the source stays as it is. It is noticed by a test that fails or hangs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { BadArgument, commandLine, runMain, whole } from '../test/faults/arguments.ts'
import { Bench, filesIn } from './mutants/bench.ts'
import { EQUIVALENT } from './mutants/equivalent.ts'
import { type Mutant, mutantsOf, sample } from './mutants/mutate.ts'

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

await runMain(async () => {
  const { sample: given, seed, only = 'src', parallel } = commandLine(['sample', 'seed', 'only', 'parallel'])
  const sources = FOLDERS.flatMap((folder) => filesIn(`src/${folder}`, '.ts')).filter((file) =>
    file.startsWith(only),
  )
  if (sources.length === 0) throw new BadArgument(`--only takes a path below one of src/{${FOLDERS.join()}}`)
  const all = sources.flatMap((file) => mutantsOf(file, readFileSync(file, 'utf8')))
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

  mkdirSync('.tests', { recursive: true })
  const folder = mkdtempSync('.tests/mutants-')
  try {
    return await tryAll(chosen, new Bench(folder), whole('parallel', parallel, 2))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

async function tryAll(mutants: Mutant[], bench: Bench, parallel: number): Promise<boolean> {
  await bench.prepare()
  const left = [...mutants]
  const noticed = new Map<Mutant, boolean>()
  const work = async () => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      const isNoticed = await bench.notices(mutant)
      noticed.set(mutant, isNoticed)
      if (noticed.size % 100 === 0) console.log(`${noticed.size} of ${mutants.length} tried`)
      if (isNoticed) continue
      console.log(`SURVIVED ${mutant.file}:${mutant.line}\n  in: ${mutant.in}\n  change: ${mutant.change}`)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
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
