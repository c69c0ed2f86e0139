/**
 * Takes the rules that make the cache safe out of the code, one at a time, and shows that tests fail:
 * `npm run test:invariants -- --trials 20 --only 3`. If no test fails without a rule, the rule has no test.
 *
 * A removal is caught by a test that fails with an assertion error, and the table names the test. The unchanged code must
 * pass all tests, and its trials must show no violation. The trials of a removal decide nothing: they may miss a race.
 *
 * The numbers are those of docs/coherence.md.
 */
import { readFileSync } from 'node:fs'
import { BadArgument, commandLine, runMain, whole } from '../test/faults/arguments.ts'
import { type TestRun, verdictOf } from '../test/faults/removal-verdict.ts'
import { type Removal, REMOVALS, without } from '../test/faults/removals.ts'
import { type Bench, type Change, onBenches } from './bench.ts'

/** Milliseconds. Code without one of its rules may hang. */
const LIMIT = 300_000
/** What the reporter writes about a test whose assertion fails. One is enough. */
const CAUGHT = /^\{"fail".*"assertion":true/m
/** The `rule` of the row for the unchanged code. */
const UNTOUCHED = '-'

interface Row {
  rule: string
  'taken out': string
  verdict: string
  /** The first test that failed. */
  'caught by': string
  /** In trials. */
  violations: string
}

await runMain(async () => {
  const { only, trials: given, parallel } = commandLine(['only', 'trials', 'parallel'])
  const trials = whole('trials', given, 20, 0)
  const removals = REMOVALS.filter(({ rule }) => only === undefined || rule === only)
  if (removals.length === 0)
    throw new BadArgument(`--only takes one of ${[...new Set(REMOVALS.map(({ rule }) => rule))].join(', ')}`)
  const rows: Row[] = []
  await onBenches([undefined, ...removals], whole('parallel', parallel, 2), async (removal, bench) => {
    const row = await rowFor(bench, removal, trials)
    rows.push(row)
    console.log(row)
  })
  console.table(rows)
  return (
    rows.length === removals.length + 1 &&
    rows.every(({ rule, verdict, violations }) =>
      rule === UNTOUCHED
        ? verdict === 'passes' && ['0', 'not run'].includes(violations)
        : verdict === 'caught',
    )
  )
})

async function rowFor(bench: Bench, removal: Removal | undefined, trials: number): Promise<Row> {
  const change = removal && {
    file: removal.file,
    source: without(readFileSync(removal.file, 'utf8'), removal),
  }
  const files = removal?.tests ?? [...new Set(REMOVALS.flatMap(({ tests }) => tests))]
  const runs: TestRun[] = []
  for (const file of files) runs.push(await bench.test(file, LIMIT, { until: CAUGHT, change }))
  const verdicts = runs.map(verdictOf)
  const tests = verdicts.flatMap(({ tests }) => tests)
  const unlike = verdicts.find(({ verdict }) => verdict !== 'NOT CAUGHT')?.verdict
  return {
    rule: removal?.rule ?? UNTOUCHED,
    'taken out': removal?.what ?? 'nothing',
    verdict: unlike ?? (removal === undefined ? 'passes' : 'NOT CAUGHT'),
    'caught by': tests[0] ?? '',
    violations: trials === 0 ? 'not run' : await violations(bench, trials, change),
  }
}

async function violations(bench: Bench, trials: number, change: Change | undefined): Promise<string> {
  const { output, ok, late } = await bench.run(
    'scripts/trials.ts',
    ['--trials', String(trials)],
    LIMIT,
    change,
  )
  const [, count] = /^ {2}violations: (\d+)/m.exec(output) ?? []
  if (count === undefined) return late ? 'hung' : 'broken'
  // A run without violations fails only if it did not play all trials.
  return count === '0' && !ok ? 'broken' : count
}
