/**
 * The long run of the fault trials: `npm run test:faults -- --trials 300 --store redis --seed 7 --parallel 2`.
 *
 * `--seed` alone plays that one again; with `--trials` it is the first of them. `--barrier 500` measures that many
 * revocations on a fleet where all is well, and plays no trial.
 */
import { parseArgs } from 'node:util'
import { measureBarrier } from '../test/faults/barrier.ts'
import { campaign, figures, quantile, startFleet } from '../test/faults/campaign.ts'
import { describeTrial } from '../test/faults/describe-trial.ts'

const { values } = parseArgs({
  options: {
    trials: { type: 'string' },
    seed: { type: 'string' },
    store: { type: 'string', default: 'postgres' },
    parallel: { type: 'string', default: '2' },
    barrier: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed ?? 1)
const count = Number(values.trials ?? (values.seed === undefined ? 30 : 1))
const kind = values.store === 'redis' ? 'redis' : 'postgres'
if (values.barrier !== undefined) process.exit((await barrier(Number(values.barrier))) ? 0 : 1)
const seeds = Array.from({ length: count }, (_, i) => first + i)

const results = await campaign(kind, seeds, {
  parallel: Number(values.parallel),
  report(result) {
    const { seed, plan, violations, history, recovery } = result
    const faults = plan.faults.map(({ name }) => name).join(' + ')
    const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`
    console.log(
      `seed ${seed}: ${verdict}, ${history.exchanges.length} requests, recovered in ${Math.round(recovery)} ms (${faults})`,
    )
    if (violations.length > 0 || values.verbose) console.log(describeTrial(result))
  },
})
const sum = figures(results)
console.log(sum)
process.exit(sum.violations === 0 ? 0 : 1)

/** @returns whether every first request after a return was refused */
async function barrier(count: number): Promise<boolean> {
  const fleet = await startFleet(kind)
  const samples = await measureBarrier(fleet, count)
  const waits = samples.map(({ waitedMs }) => waitedMs)
  const refused = samples.filter(({ statuses }) => statuses.every((status) => status === 401)).length
  const byAll = samples.filter(({ confirmedBy }) => confirmedBy === 'all').length
  console.log({
    store: kind,
    revocations: samples.length,
    'refused at once by every other instance': refused,
    'confirmed by all': byAll,
    'barrier in ms': spread(waits),
    'push lag in ms': spread(samples.flatMap(({ pushLags }) => pushLags)),
  })
  await fleet.stop()
  return refused === samples.length
}

function spread(values: readonly number[]) {
  return { median: quantile(values, 0.5), p99: quantile(values, 0.99), max: quantile(values, 1) }
}
