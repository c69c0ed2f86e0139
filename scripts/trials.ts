/**
 * The long run of the fault trials: `npm run trials -- --trials 300 --store redis --seed 7 --parallel 2`.
 *
 * `--seed` alone plays that trial again. With `--trials` it is the first seed. `--barrier 500` measures that many
 * revocations on a healthy fleet, and plays no trial. It fails unless, after each revocation, the first request to every
 * other instance was refused, and the median of the wait is under 50 ms.
 */
import { commandLine, runMain, storeKind, whole } from '../test/faults/arguments.ts'
import { judgeBarrier, measureBarrier } from '../test/faults/barrier.ts'
import { campaign, figures, quantile, startFleet } from '../test/faults/campaign.ts'
import { describeTrial } from '../test/faults/describe-trial.ts'
import type { StoreOptions } from '../test/faults/instance-store.ts'

/** Milliseconds. */
const BARRIER_LIMIT = 50

await runMain(async () => {
  const values = commandLine(['trials', 'seed', 'store', 'parallel', 'barrier'])
  const kind = storeKind(values.store)
  const first = whole('seed', values.seed, 1, 0)
  const count = whole('trials', values.trials, values.seed === undefined ? 30 : 1)
  const parallel = whole('parallel', values.parallel, 2)
  if (values.barrier !== undefined) return barrier(kind, whole('barrier', values.barrier, 500))
  const seeds = Array.from({ length: count }, (_, i) => first + i)
  return trials(kind, seeds, parallel, values.verbose === true)
})

async function trials(
  kind: StoreOptions['kind'],
  seeds: readonly number[],
  parallel: number,
  verbose: boolean,
): Promise<boolean> {
  const results = await campaign(kind, seeds, {
    parallel,
    report(result) {
      const { seed, plan, violations, history, recovery, shown } = result
      // A fault in brackets was too short to show, or another fault hid it.
      const faults = plan.faults.map(({ name }) => (shown.includes(name) ? name : `(${name})`)).join(' + ')
      const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`
      console.log(
        `seed ${seed}: ${verdict}, ${history.exchanges.length} requests, recovered in ${Math.round(recovery)} ms (${faults})`,
      )
      if (violations.length > 0 || verbose) console.log(describeTrial(result))
    },
  })
  const sum = figures(results)
  console.log(sum)
  return sum.violations === 0 && sum.trials === seeds.length
}

async function barrier(kind: StoreOptions['kind'], count: number): Promise<boolean> {
  const fleet = await startFleet(kind)
  const samples = await measureBarrier(fleet, count)
  await fleet.stop()
  const statuses = samples.flatMap((sample) => sample.statuses)
  const wrong = judgeBarrier(samples, count, BARRIER_LIMIT)
  console.log({
    store: kind,
    revocations: samples.length,
    'first requests to other instances': statuses.length,
    'of these refused': statuses.filter((status) => status === 401).length,
    'confirmed by all': samples.filter(({ confirmedBy }) => confirmedBy === 'all').length,
    'barrier in ms': spread(samples.map(({ waitedMs }) => waitedMs)),
    'push lag in ms': spread(samples.flatMap(({ pushLags }) => pushLags)),
  })
  for (const problem of wrong) console.error(`NOT MET: ${problem}`)
  return wrong.length === 0
}

function spread(values: readonly number[]) {
  return { median: quantile(values, 0.5), p99: quantile(values, 0.99), max: quantile(values, 1) }
}
