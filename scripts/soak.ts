/**
 * Minutes of trials, one after the other, on one fleet whose instances live through all of them: `npm run soak`, or
 * `npm run soak -- --minutes 60 --store redis --seed 7`. Shows that memory stays flat and that nothing piles up.
 */
import { parseArgs } from 'node:util'
import { figures, quantile, startFleet } from '../test/faults/campaign.ts'
import { describeTrial } from '../test/faults/describe-trial.ts'
import type { Fleet } from '../test/faults/fleet.ts'
import { now } from '../test/faults/history.ts'
import { FAULT_NAMES } from '../test/faults/plan.ts'
import { runTrial, type TrialResult } from '../test/faults/trial.ts'

/** Of the time, before memory counts. */
const WARM_UP = 0.2
/** Faults that no instance dies of. */
const SURVIVED = FAULT_NAMES.filter((name) => name !== 'killed' && name !== 'revokerKilled')
/** Cached keys at most: few enough to be reached within the warm-up. */
const MAX = 100
/** How much more an instance may hold at the end than it did when it was warm. */
const GROWTH = 1.3

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    store: { type: 'string', default: 'postgres' },
    seed: { type: 'string', default: '1' },
  },
})
const kind = values.store === 'redis' ? 'redis' : 'postgres'
const duration = Number(values.minutes) * 60_000
const fleet = await startFleet(kind, { max: MAX })
const results: TrialResult[] = []
/** By instance. */
const heaps = new Map<string, { at: number; bytes: number }[]>()

const start = now()
let reported = start
for (let seed = Number(values.seed); now() - start < duration; seed++) {
  const result = await runTrial(fleet, seed, SURVIVED)
  if (result.violations.length > 0) console.log(describeTrial(result))
  // Figures need no more of a history than statuses, and the soak is to last.
  result.history.changes.length = 0
  results.push(result)
  await sample(fleet)
  if (now() - reported > 60_000) {
    reported = now()
    console.log(progress())
  }
}

console.log(progress())
const grown = [...heaps.values()].map((samples) => growth(samples)).filter((factor) => !Number.isNaN(factor))
const leftovers = await Promise.all(
  fleet.instances.map(async (instance) => ({
    instance: instance.name,
    connections: instance.proxy.connections,
    pendingLookups: (await instance.do('stats')).value?.pendingLookups,
  })),
)
await fleet.stop()
const sum = figures(results)
console.log(sum, { 'heap at the end, compared with when it was warm': grown, leftovers })
process.exit(sum.violations === 0 && grown.every((factor) => factor < GROWTH) ? 0 : 1)

async function sample({ instances }: Fleet): Promise<void> {
  for (const instance of instances) {
    const { value } = await instance.do('stats')
    if (value === undefined) continue
    const samples = heaps.get(instance.name) ?? []
    samples.push({ at: now() - start, bytes: value.memory })
    heaps.set(instance.name, samples)
  }
}

/** Medians of the last fifth and of the first one after the warm-up. NaN for an instance that did not live so long. */
function growth(samples: readonly { at: number; bytes: number }[]): number {
  const within = (from: number, to: number) =>
    samples.filter(({ at }) => at >= from * duration && at < to * duration).map(({ bytes }) => bytes)
  const warm = quantile(within(WARM_UP, 2 * WARM_UP), 0.5)
  const last = quantile(within(1 - WARM_UP, Infinity), 0.5)
  return Math.round((last / warm) * 100) / 100
}

function progress(): string {
  const latest = [...heaps].filter(([name]) => fleet.instances.some((instance) => instance.name === name))
  const sizes = latest.map(
    ([name, samples]) => `${name} ${((samples.at(-1)?.bytes ?? 0) / 2 ** 20).toFixed(1)} MiB`,
  )
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0)
  const minutes = ((now() - start) / 60_000).toFixed(1)
  return `${minutes} min: ${results.length} trials, ${violations} violations, heaps ${sizes.join(', ')}`
}
