/** The metrics for `stats()` of `tenantAuth`: one list for both libraries, so that one dashboard works with both. */
import type { FastifyInstance } from 'fastify'

type Stats = ReturnType<FastifyInstance['tenantAuth']['stats']>
type Fleet = NonNullable<Stats['fleet']>

export interface Reading {
  /** In OpenTelemetry's style. */
  name: string
  /** Counters only rise. */
  kind: 'counter' | 'gauge'
  /** Seconds, or what is counted. */
  unit: 's' | `{${string}}`
  help: string
  /** One value, or one for each value of a label; `null` or `undefined` if there is none. */
  read: (stats: Stats) => number | { label: string; values: Record<string, number> } | null | undefined
}

const seconds = (ms: number | null | undefined) => (typeof ms === 'number' ? ms / 1_000 : ms)
const by = <Kind extends string>(
  label: string,
  kinds: readonly Kind[],
  value: (kind: Kind) => number,
): { label: string; values: Record<string, number> } => ({
  label,
  values: Object.fromEntries(kinds.map((kind) => [kind, value(kind)])),
})

const OUTCOMES = ['good', 'refused', 'failed'] as const
const CONFIRMED = ['all', 'lease', 'failed'] as const
const ofFleet =
  (read: (fleet: Fleet) => ReturnType<Reading['read']>): Reading['read'] =>
  ({ fleet }) =>
    fleet && read(fleet)

const counter = (name: string, unit: Reading['unit'], help: string, read: Reading['read']): Reading => ({
  name: `tenant_auth.${name}`,
  kind: 'counter',
  unit,
  help,
  read,
})
const gauge = (name: string, unit: Reading['unit'], help: string, read: Reading['read']): Reading => ({
  name: `tenant_auth.${name}`,
  kind: 'gauge',
  unit,
  help,
  read,
})

export const READINGS: readonly Reading[] = [
  counter('accepted', '{request}', 'Requests that were let in', ({ accepted }) => accepted),
  counter('refused', '{request}', 'Requests that were refused', ({ refused }) => ({
    label: 'reason',
    values: refused,
  })),
  counter('cache.hits', '{request}', 'Keys that were answered from memory', (stats) => ({
    label: 'answer',
    values: { good: stats.hits, refused: stats.negativeHits, stale: stats.staleHits },
  })),
  counter('cache.misses', '{request}', 'Keys that the store was asked for', ({ misses }) => misses),
  counter('cache.evictions', '{key}', 'Good keys pushed out by newer ones', ({ evictions }) => evictions),
  gauge('cache.keys', '{key}', 'Keys in memory', ({ cachedKeys, cachedRefusals }) => ({
    label: 'answer',
    values: { good: cachedKeys, refused: cachedRefusals },
  })),
  counter('lookups', '{lookup}', 'Look-ups in the store that are over', ({ lookups }) =>
    by('outcome', OUTCOMES, (outcome) => lookups[outcome].count),
  ),
  counter('lookup.time', 's', 'Time that look-ups have taken in all, waiting included', ({ lookups }) =>
    by('outcome', OUTCOMES, (outcome) => lookups[outcome].ms / 1_000),
  ),
  gauge('lookups.pending', '{lookup}', 'Look-ups under way or waiting', (stats) => stats.pendingLookups),
  gauge('lookups.waiting', '{lookup}', 'Look-ups that wait for their turn', (stats) => stats.waitingLookups),
  gauge('degraded', '{instance}', '1 where it works less well than it should', ({ degraded }) =>
    degraded === null ? 0 : 1,
  ),
  gauge(
    'fleet.coherent',
    '{instance}',
    '1 where keys are answered from memory',
    ofFleet(({ state }) => (state === 'coherent' ? 1 : 0)),
  ),
  gauge(
    'fleet.since_coherent',
    's',
    'Time since it was coherent, 0 as long as it is',
    ofFleet(({ sinceCoherent }) => seconds(sinceCoherent)),
  ),
  gauge(
    'fleet.heartbeat_age',
    's',
    'Time since a heartbeat was answered',
    ofFleet(({ lastHeartbeat }) => seconds(lastHeartbeat)),
  ),
  gauge(
    'fleet.members',
    '{instance}',
    'Instances that the store knows',
    ofFleet(({ members }) => members),
  ),
  gauge(
    'fleet.pushes_silent',
    '{instance}',
    '1 where changes come by heartbeat alone',
    ofFleet(({ push }) => (push.state === 'silent' ? 1 : 0)),
  ),
  counter(
    'fleet.failed_heartbeats',
    '{heartbeat}',
    'Heartbeats that failed',
    ofFleet((fleet) => fleet.failedBeats),
  ),
  counter(
    'fleet.reconnects',
    '{connection}',
    'Lost connections for heartbeats',
    ofFleet((fleet) => fleet.reconnects),
  ),
  counter(
    'fleet.resets',
    '{reset}',
    'Times that the cache was emptied',
    ofFleet((fleet) => fleet.resets),
  ),
  counter(
    'fleet.lost_rows',
    '{row}',
    'Times that the instance had to register anew',
    ofFleet((fleet) => fleet.gone),
  ),
  counter(
    'fleet.freezes',
    '{freeze}',
    'Times that the process was stopped',
    ofFleet((fleet) => fleet.freezes),
  ),
  counter(
    'confirmations',
    '{confirmation}',
    'Changes made here, by who confirmed them',
    ofFleet(({ confirmations }) => by('by', CONFIRMED, (kind) => confirmations[kind].count)),
  ),
  counter(
    'confirmation.time',
    's',
    'Time that confirmations have taken in all',
    ofFleet(({ confirmations }) => by('by', CONFIRMED, (kind) => confirmations[kind].ms / 1_000)),
  ),
  counter(
    'confirmation.reaped',
    '{instance}',
    'Instances that were taken off the list',
    ofFleet(({ confirmations }) => confirmations.reaped),
  ),
]

/** Each reading as pairs of labels and value. */
export function valuesOf(reading: Reading, stats: Stats): [labels: Record<string, string>, value: number][] {
  const value = reading.read(stats)
  if (value === null || value === undefined) return []
  if (typeof value === 'number') return [[{}, value]]
  return Object.entries(value.values).map(([kind, count]) => [{ [value.label]: kind }, count])
}
