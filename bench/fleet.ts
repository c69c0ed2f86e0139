/** What a fleet costs: how long a revocation waits for all members, and how busy the server is while nothing happens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { createClient } from 'redis'
import { KeyManager } from '../src/keys/key-manager.ts'
import { PostgresKeyStore } from '../src/stores/postgres/index.ts'
import { RedisKeyStore } from '../src/stores/redis/index.ts'
import { startPostgres } from '../test/servers/postgres.ts'
import { startRedis } from '../test/servers/redis.ts'
import { Child, LOAD_CORE } from './child.ts'
import { type Figure, figure, number, table } from './figures.ts'
import type { Section, Settings } from './section.ts'
import { cpuOf } from './server-cpu.ts'

const SIZES = [1, 10, 100, 200, 1_000]
const MEMBERS_OF_A_PROCESS = 250
const REVOCATIONS = 60
/** Milliseconds between two revocations. */
const PAUSE = 50
/** Milliseconds in which nothing happens except leases and heartbeats. */
const IDLE = 8_000
const SETTLING = 3_000
/** Milliseconds that members have to join. */
const JOINING = 45_000

export const fleetFigure = (what: 'barrier' | 'cores' | 'coherent', kind: Kind, size: number) =>
  `fleet, ${what}: ${kind}, ${size}`

type Kind = 'postgres' | 'redis'

interface Target {
  keys: KeyManager
  url: string
  pid: number
  /** How many there have been so far. */
  commits(): Promise<number>
  stop(): Promise<void>
}

export async function fleet(settings: Settings): Promise<Section> {
  const figures: Record<string, Figure> = {}
  const rows: string[][] = []
  for (const size of SIZES) {
    for (const kind of ['redis', 'postgres'] as const) {
      if (!settings.servers.has(kind)) continue
      if (settings.words.length > 0 && !settings.words.includes(`${kind}-${size}`)) continue
      settings.progress(`${kind}, ${size} members`)
      const { revocations, cores, commits, coherent } = await measure(kind, size)
      const waits = revocations.map(({ ms }) => ms)
      const barrier = figure(waits)
      const byAll = revocations.filter(({ byAll }) => byAll).length / revocations.length
      console.error(kind, size, { barrier, byAll, cores, commits, coherent }) // The whole takes minutes.
      figures[fleetFigure('barrier', kind, size)] = barrier
      figures[fleetFigure('cores', kind, size)] = figure([cores])
      figures[fleetFigure('coherent', kind, size)] = figure([coherent])
      const p99 = [...waits].sort((a, b) => a - b)[Math.ceil(0.99 * waits.length) - 1] ?? NaN
      rows.push([
        `${kind}, ${number(size)}`,
        number(barrier.median, 1),
        number(p99, 1),
        `${number(100 * byAll)} %`,
        number(cores, 3),
        kind === 'redis' ? '' : number(commits, 1),
        number(coherent),
      ])
    }
  }
  const columns = [
    'members',
    'revoke(), ms',
    'its p99, ms',
    'confirmed by all',
    'idle, cores',
    'idle, commits/s',
    'coherent',
  ]
  return { tables: table(columns, rows), figures }
}

async function measure(kind: Kind, size: number) {
  const target = kind === 'postgres' ? await onPostgres(size) : await onRedis()
  const processes: Child[] = []
  try {
    for (let left = size; left > 0; left -= MEMBERS_OF_A_PROCESS) {
      const count = Math.min(left, MEMBERS_OF_A_PROCESS)
      processes.push(new Child('fleet', [kind, target.url, String(count)], LOAD_CORE))
    }
    // A fleet that does not come up is a result too.
    const joined = Promise.all(processes.map((child) => child.answer()))
    joined.catch(() => {})
    await Promise.race([joined, sleep(JOINING, undefined, { ref: false })])
    await sleep(SETTLING)
    const before = { at: performance.now(), cpu: cpuOf(target.pid), commits: await target.commits() }
    await sleep(IDLE)
    const after = { at: performance.now(), cpu: cpuOf(target.pid), commits: await target.commits() }
    const seconds = (after.at - before.at) / 1_000
    const states = await Promise.all(processes.map((child) => child.ask<number>('states')))
    return {
      revocations: await revokeMany(target.keys, size),
      cores: (after.cpu - before.cpu) / seconds,
      commits: (after.commits - before.commits) / seconds,
      coherent: states.reduce((sum, count) => sum + count, 0),
    }
  } finally {
    await Promise.all(processes.map((child) => child.end()))
    await target.stop()
  }
}

interface Revocation {
  /** Milliseconds that `revoke()` took. */
  ms: number
  /** Whether it was confirmed by at least as many members as there are. The lease confirms it otherwise. */
  byAll: boolean
}

async function revokeMany(keys: KeyManager, members: number): Promise<Revocation[]> {
  await keys.createTenant({ id: 'acme', name: 'Acme' })
  const revocations: Revocation[] = []
  for (let i = 0; i < REVOCATIONS; i++) {
    const { details } = await keys.create({ tenantId: 'acme', name: 'a key', environment: 'live' })
    const start = performance.now()
    const { confirmedBy, instances } = await keys.revoke(details.id)
    const byAll = confirmedBy === 'all' && instances >= members
    revocations.push({ ms: performance.now() - start, byAll })
    await sleep(PAUSE)
  }
  return revocations
}

async function onPostgres(size: number): Promise<Target> {
  const server = await startPostgres({ max_connections: size + 100, fsync: 'on' })
  const pool = new Pool({ connectionString: server.connectionString, max: 4 })
  // A busy server may still end a connection that has just been given up.
  pool.on('error', () => {})
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  const client = new Client({ connectionString: server.connectionString })
  client.on('error', () => {})
  await client.connect()
  return {
    keys: new KeyManager(store),
    url: server.connectionString,
    pid: server.pid,
    async commits() {
      const sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"
      return Number((await client.query<{ xact_commit: string }>(sql)).rows[0]?.xact_commit)
    },
    async stop() {
      await Promise.all([client.end(), pool.end()])
      await server.stop()
    },
  }
}

async function onRedis(): Promise<Target> {
  const server = await startRedis(['--appendonly', 'yes'])
  const client = createClient({ url: server.url, disableOfflineQueue: true })
  client.on('error', () => {})
  await client.connect()
  return {
    keys: new KeyManager(new RedisKeyStore({ client })),
    url: server.url,
    pid: server.pid,
    commits: () => Promise.resolve(NaN),
    async stop() {
      client.destroy()
      await server.stop()
    },
  }
}
