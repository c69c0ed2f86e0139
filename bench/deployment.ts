/** A deployment: one of three instances is started anew while requests with many hot keys come in. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../test/servers/postgres.ts'
import { Child, LOAD_CORE, SERVER_CORE } from './child.ts'
import { type Figure, figure, number, table } from './figures.ts'
import type { Section, Settings } from './section.ts'
import { cpuOf } from './server-cpu.ts'

const KEYS = 100_000
const INSTANCES = 3
/** Requests per second to each instance, whether it keeps up or not. */
const RATE = 1_000
const CONNECTIONS = 64
/** Milliseconds: until all is calm, of each of the long phases, and of the first phase of the new instance. */
const SETTLING = 4_000
const LONG = 8_000
const FIRST = 2_000

export const deploymentFigure = (what: 'refused' | 'p99 to quiet' | 'CPU of the store to quiet') =>
  `deployment: ${what}`

interface Instance {
  server: Child
  load: Child
}

interface Phase {
  requests: number
  /** Answered with another status than 200. */
  refused: number
  /** Milliseconds, of the slowest instance. */
  p99: number
  /** Of the store's server. */
  cores: number
}

export async function deployment(settings: Settings): Promise<Section> {
  if (!settings.servers.has('postgres')) return { tables: '', figures: {} }
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  // A server of its own, whose processor time nothing else uses.
  const store = await startPostgres()
  process.env.BENCH_DEPLOYMENT_URL = store.connectionString
  const instances: Instance[] = []
  try {
    settings.progress(`${number(KEYS)} keys are made`)
    const file = join(folder, 'keys')
    for (let i = 0; i < INSTANCES; i++) instances.push(await startInstance({ file, count: KEYS, warm: true }))
    await sleep(SETTLING)
    settings.progress('quiet')
    const quiet = await phase(instances, store.pid, LONG)
    settings.progress('one is started anew')
    await endInstance(instances.pop())
    instances.push(await startInstance({ file, count: KEYS, warm: false }))
    const first = await phase(instances, store.pid, FIRST)
    const after = await phase(instances, store.pid, LONG)
    return report({ quiet, 'the first two seconds of the new one': first, 'after that': after })
  } finally {
    for (const instance of instances) await endInstance(instance)
    await store.stop()
    rmSync(folder, { recursive: true })
  }
}

async function startInstance(settings: object): Promise<Instance> {
  const server = new Child('server', ['stores', 'postgresShared', JSON.stringify(settings)], SERVER_CORE)
  const ready = await server.answer<object>()
  const load = new Child('load', [], LOAD_CORE)
  await load.ask({ targets: [{ ...ready, rate: RATE }], connections: CONNECTIONS })
  return { server, load }
}

async function endInstance(instance: Instance | undefined): Promise<void> {
  await instance?.load.end()
  await instance?.server.end()
}

async function phase(instances: readonly Instance[], pid: number, ms: number): Promise<Phase> {
  const counts = async (message: 'start' | 'end') =>
    Promise.all(
      instances.map(async ({ load }) => {
        const [count] = await load.ask<[{ done: number; failed: number; p99: number }]>(message)
        return count
      }),
    )
  const [before, cpu, at] = [await counts('start'), cpuOf(pid), performance.now()]
  await sleep(ms)
  const [after, seconds] = [await counts('end'), (performance.now() - at) / 1_000]
  const grown = (value: 'done' | 'failed') =>
    after.reduce((sum, count, i) => sum + count[value] - (before[i]?.[value] ?? NaN), 0)
  return {
    requests: grown('done'),
    refused: grown('failed'),
    p99: Math.max(...after.map(({ p99 }) => p99 / 1_000)),
    cores: (cpuOf(pid) - cpu) / seconds,
  }
}

function report(phases: Record<string, Phase>): Section {
  const { quiet, 'after that': after } = phases
  const figures: Record<string, Figure> = {}
  if (quiet !== undefined && after !== undefined) {
    const refused = Object.values(phases).reduce((sum, phase) => sum + phase.refused, 0)
    figures[deploymentFigure('refused')] = figure([refused])
    figures[deploymentFigure('p99 to quiet')] = figure([after.p99 / quiet.p99])
    figures[deploymentFigure('CPU of the store to quiet')] = figure([after.cores / quiet.cores])
  }
  const rows = Object.entries(phases).map(([name, { requests, refused, p99, cores }]) => [
    name,
    number(requests),
    number(refused),
    number(p99, 2),
    number(cores, 3),
  ])
  const columns = [
    `${INSTANCES} instances, ${number(KEYS)} keys, ${number(INSTANCES * RATE)} requests/s`,
    'requests',
    'not 200',
    'p99, ms',
    "store's cores",
  ]
  return { tables: table(columns, rows), figures }
}
