/** Good keys during a flood of unknown keys, each of them different. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Child, LOAD_CORE, SERVER_CORE } from './child.ts'
import { type Figure, figure, number, show, table } from './figures.ts'
import { inRounds, ratios } from './rounds.ts'
import type { Section, Settings } from './section.ts'

/** Enough for the requests that wait for a store that takes 200 ms. */
const CONNECTIONS = 128

interface Stats {
  hits: number
  misses: number
  evictions: number
}

interface Count {
  done: number
  failed: number
  p50: number
  p99: number
}

interface Scenario {
  name: string
  /** The server's settings. */
  settings: object
  /** Requests per second with good keys, whether the server keeps up or not. */
  rate: number
  /** Milliseconds that are measured. */
  duration: number
  /** The requests that come at the same time. */
  beside?: { rate: number; fresh?: 'key'; status?: number; connections?: number }
}

const RATE = 2_000
const QUIET = 'good keys alone'
export const FLOOD = 'with as many distinct unknown keys'
const fast = { settings: {}, rate: RATE, duration: 4_000 }
const FAST: readonly Scenario[] = [
  { name: QUIET, ...fast },
  { name: 'with as many good keys again', ...fast, beside: { rate: RATE } },
  { name: FLOOD, ...fast, beside: { rate: RATE, fresh: 'key', status: 401 } },
]

/** More than the slow store can take: 64 look-ups at once are 320 per second. */
const STRANGERS = { rate: 420, fresh: 'key', status: 401, connections: 512 } as const
const SLOW: readonly Scenario[] = (['none', 'lapsed', 'held'] as const).flatMap((lease) => {
  const name = { none: 'no coherence', lapsed: 'coherent, lease lapsed', held: 'coherent' }[lease]
  // More than two times to live, so that each key is looked up again.
  const slow = { settings: { delay: 200, keys: 100, lease }, rate: 100, duration: 12_000 }
  return [
    { name: `${name}: alone`, ...slow },
    { name: `${name}: in a flood`, ...slow, beside: STRANGERS },
  ]
})

export async function flood(settings: Settings): Promise<Section> {
  const [fast, slow] = [await fastStore(settings), await slowStore(settings)]
  return { tables: `${fast.tables}\n\n${slow.tables}`, figures: { ...fast.figures, ...slow.figures } }
}

async function fastStore(settings: Settings): Promise<Section> {
  const samples = await inRounds(FAST, settings, measure)
  const figures: Record<string, Figure> = {}
  const rows = FAST.map(({ name }) => {
    const measured = samples.get(name) ?? []
    if (measured.some(({ answered, others }) => answered < 1 || others < 1))
      throw new Error('a request was answered wrongly')
    const of = (value: (sample: Sample) => number) => figure(measured.map(value))
    const [hitRate, p99] = [of((sample) => sample.hitRate), of((sample) => sample.p99)]
    const ratio = figure(ratios(samples, name, QUIET, (sample) => sample.p99))
    figures[`flood, hit rate to alone: ${name}`] = figure(
      ratios(samples, name, QUIET, (sample) => sample.hitRate),
    )
    figures[`flood, p99: ${name}`] = p99
    figures[`flood, p99 ratio: ${name}`] = ratio
    const counts = [of((sample) => sample.reads), of((sample) => sample.evictions)]
    const p50 = of((sample) => sample.p50)
    return [name, show(hitRate, 4), show(p50, 2), show(p99, 2), show(ratio, 2)].concat(
      counts.map(({ median }) => number(median)),
    )
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

async function slowStore(settings: Settings): Promise<Section> {
  const samples = await inRounds(SLOW, settings, measure)
  const figures: Record<string, Figure> = {}
  const rows = SLOW.map(({ name, beside }) => {
    const of = (value: (sample: Sample) => number) => figure((samples.get(name) ?? []).map(value))
    const answered = of((sample) => sample.answered)
    figures[`slow store, good keys answered: ${name}`] = answered
    figures[`slow store, p99: ${name}`] = of((sample) => sample.p99)
    return [
      name,
      show(answered, 4),
      show(
        of((sample) => sample.hitRate),
        3,
      ),
      show(of((sample) => sample.p50)),
      show(of((sample) => sample.p99)),
      beside === undefined
        ? ''
        : show(
            of((sample) => sample.others),
            2,
          ),
      number(of((sample) => sample.reads).median),
    ]
  })
  const columns = [
    `a store of 200 ms, 100 requests/s, ${STRANGERS.rate} unknown keys/s`,
    'good keys answered',
    'their hit rate',
    'their p50, ms',
    'their p99, ms',
    'strangers answered 401, not 503',
    'store reads/s',
  ]
  return { tables: table(columns, rows), figures }
}

type Sample = Awaited<ReturnType<typeof measure>>

async function measure({ settings, rate, duration, beside }: Scenario) {
  const args = ['tenant-auth', 'flooded', JSON.stringify(settings)]
  const server = new Child('server', args, SERVER_CORE, ['--expose-gc'])
  // Each load has its own process, so that the work on one's keys does not delay the other.
  const loads = [{ rate }, ...(beside ? [beside] : [])].map((target) => ({
    target: { connections: CONNECTIONS, ...target },
    child: new Child('load', [], LOAD_CORE),
  }))
  try {
    const ready = await server.answer<object>()
    for (const { child, target } of loads) {
      await child.ask({ targets: [{ ...ready, ...target }], connections: target.connections })
    }
    const mark = async (when: 'start' | 'end') => {
      const [{ stats }, ...counts] = await Promise.all([
        server.ask<{ stats: Stats }>('cpu'),
        ...loads.map(({ child }) => child.ask<[Count]>(when)),
      ])
      return { stats, counts: counts.map(([count]) => count) }
    }
    await sleep(WARM_UP)
    const before = await mark('start')
    await sleep(duration)
    const after = await mark('end')
    const counts = after.counts.map(({ done, failed }, i) => {
      const asked = done - (before.counts[i]?.done ?? 0)
      return { asked, answered: 1 - (failed - (before.counts[i]?.failed ?? 0)) / asked }
    })
    const good = counts.reduce((sum, { asked }, i) => (i > 0 && beside?.fresh ? sum : sum + asked), 0)
    const [{ p50, p99 } = { p50: NaN, p99: NaN }] = after.counts
    return {
      answered: counts[0]?.answered ?? NaN,
      others: counts[1]?.answered ?? 1,
      // At most 1, because a request under way at a mark may count as a hit but not as a request.
      hitRate: Math.min(1, (after.stats.hits - before.stats.hits) / good),
      p50: p50 / 1_000,
      p99: p99 / 1_000,
      reads: (after.stats.misses - before.stats.misses) / (duration / 1_000),
      evictions: after.stats.evictions,
    }
  } finally {
    await Promise.all([server, ...loads.map(({ child }) => child)].map((child) => child.end()))
  }
}

/** Milliseconds. */
const WARM_UP = 4_000
