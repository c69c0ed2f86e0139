/** Plays many trials, one after the other on the same fleets, and sums up the results. */
import type { StoreOptions } from './instance-store.ts'
import { faultNamed, faultNames, STRANGER } from './faults.ts'
import { Fleet, type FleetOptions } from './fleet.ts'
import type { StoreTarget } from './store-target.ts'
import { runTrial, type TrialResult } from './trial.ts'

/** Milliseconds. Short, so that trials are short. */
export const LEASE = 1_000
export const HEARTBEAT = 200

type Settings = Pick<StoreOptions, 'lease' | 'heartbeat'>

export async function startTarget(
  kind: StoreOptions['kind'],
  settings: Settings = { lease: LEASE, heartbeat: HEARTBEAT },
): Promise<StoreTarget> {
  if (kind === 'redis') return (await import('./redis-target.ts')).startRedisTarget(settings)
  return (await import('./postgres-target.ts')).startPostgresTarget(settings)
}

/** Starts a fleet on a new store. */
export async function startFleet(
  kind: StoreOptions['kind'],
  { settings, ...options }: Partial<FleetOptions> & { settings?: Settings } = {},
): Promise<Fleet> {
  return Fleet.start(await startTarget(kind, settings), { size: 3, ...options })
}

/**
 * Plays the seeds, on several fleets at a time. Replaces a fleet if a trial on it shows a violation.
 *
 * @param report called with each result as soon as its trial has ended
 */
export async function campaign(
  kind: StoreOptions['kind'],
  seeds: readonly number[],
  { parallel = 1, report }: { parallel?: number; report?: (result: TrialResult) => void } = {},
): Promise<TrialResult[]> {
  const left = [...seeds]
  const results: TrialResult[] = []
  const play = async () => {
    let fleet = await startFleet(kind)
    try {
      for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
        const result = await runTrial(fleet, seed, faultNames(kind))
        results.push(result)
        report?.(result)
        if (result.violations.length === 0) continue
        await fleet.stop()
        fleet = await startFleet(kind)
      }
    } finally {
      await fleet.stop()
    }
  }
  const stop = (error: unknown) => {
    left.length = 0
    throw error
  }
  await Promise.all(Array.from({ length: Math.min(parallel, seeds.length) }, () => play().catch(stop)))
  return results.sort((a, b) => a.seed - b.seed)
}

export interface Figures {
  trials: number
  requests: number
  accepted: number
  refused: number
  unavailable: number
  violations: number
  /**
   * Trials whose only fault is a connection in a bad state: the look-ups during it, those answered with 503, their
   * share in percent, and the calls that failed.
   */
  leaks: { lookups: number; unavailable: number; percent: number; failedCalls: number }
  /** Calls of `revoke` and other narrowing writes that returned, by their `confirmedBy`. */
  confirmedBy: Record<string, number>
  /** Milliseconds from commit to return, of the writes that every instance confirmed: median and 99th percentile. */
  barrier: { median: number; p99: number }
  /** Milliseconds from the end of the faults until the whole fleet was coherent. */
  recovery: { median: number; p99: number; max: number }
}

export function figures(results: readonly TrialResult[]): Figures {
  const statuses = results.flatMap(({ history }) => history.exchanges.map(({ status }) => status))
  const counted = (...wanted: number[]) => statuses.filter((status) => wanted.includes(status)).length
  const confirmations = results.flatMap((result) => result.confirmations)
  const confirmedBy: Record<string, number> = {}
  for (const { confirmedBy: by } of confirmations) confirmedBy[by] = (confirmedBy[by] ?? 0) + 1
  const waits = confirmations.filter(({ confirmedBy: by }) => by === 'all').map(({ waitedMs }) => waitedMs)
  const leaky = results.filter(
    ({ plan: { faults } }) => faults.length === 1 && faults.every(({ name }) => faultNamed(name).leaks),
  )
  const strangers = leaky.flatMap(({ history }) => history.exchanges.filter(({ key }) => key === STRANGER))
  const unavailable = strangers.filter(({ status }) => status === 503).length
  const recoveries = results.map(({ recovery }) => recovery)
  return {
    trials: results.length,
    requests: statuses.length,
    accepted: counted(200),
    refused: counted(401, 403),
    unavailable: counted(503),
    violations: results.reduce((sum, { violations }) => sum + violations.length, 0),
    leaks: {
      lookups: strangers.length,
      unavailable,
      percent: Math.round((10_000 * unavailable) / Math.max(1, strangers.length)) / 100,
      failedCalls: leaky.reduce((sum, { failures }) => sum + failures.length, 0),
    },
    confirmedBy,
    barrier: { median: quantile(waits, 0.5), p99: quantile(waits, 0.99) },
    recovery: {
      median: quantile(recoveries, 0.5),
      p99: quantile(recoveries, 0.99),
      max: quantile(recoveries, 1),
    },
  }
}

/** @returns NaN if there are no values */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN
  return Math.round(value * 10) / 10
}
