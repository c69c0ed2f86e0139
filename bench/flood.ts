/** Good keys during a flood of keys that nobody has, each another one. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Child, LOAD_CORE, SERVER_CORE } from './child.ts'
import { type Figure, figure, number, show, table } from './figures.ts'
import { inRounds, ratios } from './rounds.ts'
import type { Section, Settings } from './section.ts'

/** Requests a second of each kind, whether the server keeps up or not. */
const RATE = 2_000
const CONNECTIONS = 32
/** Milliseconds. */
const WARM_UP = 4_000
const DURATION = 4_000

interface Stats {
  hits: number
  misses: number
  evictions: number
  cachedRefusals: number
}

interface Count {
  done: number
  failed: number
  p50: number
  p99: number
}

const QUIET = 'good keys alone'
export const FLOOD = 'with as many distinct unknown keys'
const SCENARIOS = [
  { name: QUIET, beside: [] },
  { name: 'with as many good keys again', beside: [{ rate: RATE }] },
  { name: FLOOD, beside: [{ rate: RATE, fresh: true, status: 401 }] },
]

export async function flood(settings: Settings): Promise<Section> {
  const samples = await inRounds(SCENARIOS, settings, ({ beside }) => measure(beside))
  const figures: Record<string, Figure> = {}
  const rows = SCENARIOS.map(({ name }) => {
    const measured = samples.get(name) ?? []
    const hitRate = figure(measured.map((sample) => sample.hitRate))
    const p99 = figure(measured.map((sample) => sample.p99))
    const ratio = figure(ratios(samples, name, QUIET, (sample) => sample.p99))
    figures[`flood, hit rate: ${name}`] = hitRate
    figures[`flood, p99: ${name}`] = p99
    figures[`flood, p99 ratio: ${name}`] = ratio
    const reads = figure(measured.map((sample) => sample.reads))
    const evictions = figure(measured.map((sample) => sample.evictions))
    const p50 = figure(measured.map((sample) => sample.p50))
    const counts = [number(reads.median), number(evictions.median)]
    return [name, show(hitRate, 4), show(p50, 2), show(p99, 2), show(ratio, 2)].concat(counts)
  })
  const columns = [
    `${number(RATE)} requests/s`,
    'hit rate of good keys',
    'their p50, ms',
    'their p99, ms',
    'p99 to alone',
    'store reads/s',
    'good keys pushed out',
  ]
  return { tables: table(columns, rows), figures }
}

async function measure(beside: readonly object[]) {
  const server = new Child('server', ['tenant-auth', 'flooded', '{}'], SERVER_CORE, ['--expose-gc'])
  // Each load a process of its own: what one does for its keys must not delay the other's.
  const loads = [{ rate: RATE }, ...beside].map((target) => ({
    target,
    child: new Child('load', [], LOAD_CORE),
  }))
  try {
    const ready = await server.answer<object>()
    for (const { child, target } of loads) {
      await child.ask({ targets: [{ ...ready, ...target }], connections: CONNECTIONS })
    }
    const mark = async () => {
      const [{ stats }, ...counts] = await Promise.all([
        server.ask<{ stats: Stats }>('cpu'),
        ...loads.map(({ child }) => child.ask<[Count]>('count')),
      ])
      return { stats, counts: counts.map(([count]) => count) }
    }
    await sleep(WARM_UP)
    const before = await mark()
    await sleep(DURATION)
    const after = await mark()
    if (after.counts.some(({ failed }) => failed > 0)) throw new Error('a request was answered wrongly')
    const good = after.counts.reduce(
      (sum, { done }, i) =>
        'fresh' in (loads[i]?.target ?? {}) ? sum : sum + done - (before.counts[i]?.done ?? 0),
      0,
    )
    const [{ p50, p99 } = { p50: NaN, p99: NaN }] = after.counts
    return {
      // Requests that were under way at a mark are counted here or there.
      hitRate: Math.min(1, (after.stats.hits - before.stats.hits) / good),
      p50: p50 / 1_000,
      p99: p99 / 1_000,
      reads: (after.stats.misses - before.stats.misses) / (DURATION / 1_000),
      evictions: after.stats.evictions,
    }
  } finally {
    await Promise.all([server, ...loads.map(({ child }) => child)].map((child) => child.end()))
  }
}
