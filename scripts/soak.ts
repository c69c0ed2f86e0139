/**
 * Runs trials for minutes, one after the other, on one fleet whose instances survive all of them: `npm run soak`, or
 * `npm run soak -- --minutes 60 --store redis --seed 7`. Fails unless memory stays flat and nothing piles up.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { commandLine, decimal, runMain, storeKind, whole } from '../test/faults/arguments.ts'
import { figures, quantile, startFleet } from '../test/faults/campaign.ts'
import { describeTrial } from '../test/faults/describe-trial.ts'
import { survivedFaults } from '../test/faults/faults.ts'
import type { Fleet } from '../test/faults/fleet.ts'
import { now } from '../test/faults/history.ts'
import type { StoreOptions } from '../test/faults/instance-store.ts'
import { judgeSoak, type Leftover } from '../test/faults/soak-verdict.ts'
import { CONNECTIONS } from '../test/faults/store-target.ts'
import { runTrial, type TrialResult } from '../test/faults/trial.ts'

/** The share of the time before memory counts. */
const WARM_UP = 0.2
/** The most keys in a cache: few enough to fill it during the warm-up. */
const MAX = 100
/** Milliseconds within which the look-ups and connections of the last trial must end. */
const SETTLING = 10_000

interface Sample {
  at: number
  bytes: number
}

await runMain(async () => {
  const values = commandLine(['minutes', 'store', 'seed'])
  const kind = storeKind(values.store)
  return soak(kind, 60_000 * decimal('minutes', values.minutes, 10), whole('seed', values.seed, 1, 0))
})

async function soak(kind: StoreOptions['kind'], duration: number, firstSeed: number): Promise<boolean> {
  const survived = survivedFaults(kind)
  const fleet = await startFleet(kind, { max: MAX })
  const results: TrialResult[] = []
  /** By instance. */
  const heaps = new Map<string, Sample[]>()
  const start = now()
  let reported = start
  for (let seed = firstSeed; now() - start < duration; seed++) {
    const result = await runTrial(fleet, seed, survived)
    if (result.violations.length > 0) console.log(describeTrial(result))
    // Frees memory for a long soak: the figures do not need the changes.
    result.history.changes.length = 0
    results.push(result)
    await sample(fleet, heaps, start)
    if (now() - reported > 60_000) {
      reported = now()
      console.log(progress(results, heaps, start))
    }
  }

  console.log(progress(results, heaps, start))
  const leftovers = await leftoversOf(fleet, CONNECTIONS[kind])
  await fleet.stop()
  const sum = figures(results)
  // Every instance that was ever sampled. One that was lost has no samples in the last fifth, which also fails.
  const growth = [...heaps].map(([instance, samples]) => ({ instance, factor: growthOf(samples, duration) }))
  const wrong = judgeSoak(
    { trials: sum.trials, violations: sum.violations, growth, leftovers },
    CONNECTIONS[kind],
  )
  console.log(sum, { 'heap at the end, compared with when it was warm': growth, leftovers })
  for (const problem of wrong) console.error(`NOT MET: ${problem}`)
  return wrong.length === 0
}

async function sample({ instances }: Fleet, heaps: Map<string, Sample[]>, start: number): Promise<void> {
  for (const instance of instances) {
    const { value } = await instance.do('stats')
    if (value === undefined) continue
    const samples = heaps.get(instance.name) ?? []
    samples.push({ at: now() - start, bytes: value.memory })
    heaps.set(instance.name, samples)
  }
}

/** Returns what each instance still has open, as soon as that is no more than it may be, or after `SETTLING`. */
async function leftoversOf({ instances }: Fleet, connections: number): Promise<Leftover[]> {
  for (const end = now() + SETTLING; ; await sleep(100)) {
    const leftovers = await Promise.all(
      instances.map(async (instance) => ({
        instance: instance.name,
        connections: instance.proxy.connections,
        pendingLookups: (await instance.do('stats')).value?.pendingLookups,
      })),
    )
    const settled = leftovers.every((left) => left.pendingLookups === 0 && left.connections <= connections)
    if (settled || now() > end) return leftovers
  }
}

/** The median of the last fifth divided by that of the fifth after the warm-up. NaN if an instance ended before. */
function growthOf(samples: readonly Sample[], duration: number): number {
  const within = (from: number, to: number) =>
    samples.filter(({ at }) => at >= from * duration && at < to * duration).map(({ bytes }) => bytes)
  const warm = quantile(within(WARM_UP, 2 * WARM_UP), 0.5)
  const last = quantile(within(1 - WARM_UP, Infinity), 0.5)
  return Math.round((last / warm) * 100) / 100
}

function progress(results: readonly TrialResult[], heaps: Map<string, Sample[]>, start: number): string {
  const sizes = [...heaps].map(
    ([name, samples]) => `${name} ${((samples.at(-1)?.bytes ?? 0) / 2 ** 20).toFixed(1)} MiB`,
  )
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0)
  const minutes = ((now() - start) / 60_000).toFixed(1)
  return `${minutes} min: ${results.length} trials, ${violations} violations, heaps ${sizes.join(', ')}`
}
