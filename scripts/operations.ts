/**
 * Rolls out, breaks and repairs a fleet of the sample under load, and prints what its clients get: `npm run operations`,
 * or `npm run operations -- --store redis --only rollout,outage`. Fails if a request or an instance fails in a rollout.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { KeyManager } from '../src/keys/index.ts'
import { generateKey } from '../src/keys/key-format.ts'
import { PostgresKeyStore } from '../src/stores/postgres/index.ts'
import { RedisKeyStore } from '../src/stores/redis/index.ts'
import { type RunningExample, startSample } from '../test/examples/run-example.ts'
import { startPostgres, startRedis } from '../test/servers/index.ts'
import { type Exchange, quantile, statuses, Traffic } from './operations/traffic.ts'

const RATE = 300
const HOT = 20
/** Good keys that have not been used yet. */
const COLD = 2_000
const DRAIN = 2

const RUNS = ['rollout', 'outage', 'maintenance'] as const
const { values } = parseArgs({
  options: {
    store: { type: 'string', multiple: true, default: ['postgres', 'redis'] },
    only: { type: 'string', default: RUNS.join() },
    seconds: { type: 'string', default: '30' },
  },
})
let failed = false

/** A server, a `KeyManager` on it, and the maintenance that operators do. */
interface Store {
  env: NodeJS.ProcessEnv
  keys: KeyManager
  server: { stop(signal?: NodeJS.Signals): Promise<unknown>; start(): Promise<unknown> }
  maintenance: Record<string, () => Promise<unknown>>
  close(): Promise<void>
}

async function openPostgres(): Promise<Store> {
  const server = await startPostgres({ max_connections: 60 })
  const pool = new Pool({ connectionString: server.connectionString, max: 4, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => {})
  const keyStore = new PostgresKeyStore({ pool })
  await keyStore.migrate()
  const sql = (text: string) => pool.query(text)
  return {
    env: { DATABASE_URL: server.connectionString },
    keys: new KeyManager(keyStore),
    server,
    maintenance: {
      'restart (fast)': () => server.restart(),
      'pg_terminate_backend of all': () =>
        sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()'),
      'LOCK TABLE keys, 4 s': () =>
        sql('BEGIN; LOCK TABLE tenant_auth.keys IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT'),
      'VACUUM FULL of all tables': async () => {
        for (const table of ['keys', 'tenants', 'instances', 'coherence', 'fleet']) {
          await sql(`VACUUM FULL tenant_auth.${table}`)
        }
      },
      'ALTER TABLE keys behind a read of 4 s': async () => {
        const reading = sql('BEGIN; SELECT count(*) FROM tenant_auth.keys; SELECT pg_sleep(4); COMMIT')
        await sleep(200)
        await Promise.all([reading, sql('ALTER TABLE tenant_auth.keys ADD COLUMN IF NOT EXISTS note text')])
      },
      'the same with lock_timeout = 1s': async () => {
        const reading = sql('BEGIN; SELECT count(*) FROM tenant_auth.keys; SELECT pg_sleep(4); COMMIT')
        await sleep(200)
        await sql(
          `SET lock_timeout = '1s'; ALTER TABLE tenant_auth.keys ADD COLUMN IF NOT EXISTS remark text`,
        ).catch(() => {})
        await sql('RESET lock_timeout')
        await reading
      },
      'read-only for 4 s': async () => {
        await sql('ALTER SYSTEM SET default_transaction_read_only = on')
        await sql('SELECT pg_reload_conf()')
        await sleep(4_000)
        await sql('ALTER SYSTEM RESET default_transaction_read_only')
        await sql('SELECT pg_reload_conf()')
      },
    },
    async close() {
      await pool.end()
      await server.stop()
    },
  }
}

async function openRedis(): Promise<Store> {
  const server = await startRedis(['--appendonly', 'yes'])
  const client = createClient({ url: server.url, disableOfflineQueue: true })
  client.on('error', () => {})
  await client.connect()
  const command = (text: string) => client.sendCommand(text.split(' '))
  return {
    env: { REDIS_URL: server.url },
    keys: new KeyManager(new RedisKeyStore({ client })),
    server,
    maintenance: {
      'restart (append-only file)': () => server.restart(),
      'CLIENT KILL of all': () => command('CLIENT KILL TYPE normal SKIPME yes'),
      'CLIENT PAUSE 4 s': async () => {
        await command('CLIENT PAUSE 4000 ALL')
        await sleep(4_000)
      },
      'out of memory for 4 s': async () => {
        await command('CONFIG SET maxmemory 1')
        await sleep(4_000)
        await command('CONFIG SET maxmemory 0')
      },
      'ACL without EVALSHA and EVAL for 4 s': async () => {
        await command('ACL SETUSER default -evalsha -eval')
        await sleep(4_000)
        await command('ACL SETUSER default +@all')
      },
    },
    async close() {
      client.destroy()
      await server.stop()
    },
  }
}

const start = (store: Store) =>
  startSample({
    ...store.env,
    DRAIN_SECONDS: String(DRAIN),
    LOG_LEVEL: 'warn',
    REQUESTS_PER_TENANT: '100000000',
    FAILURES_PER_ADDRESS: '100000000',
  })

for (const kind of values.store) {
  const store = kind === 'redis' ? await openRedis() : await openPostgres()
  await store.keys.createTenant({ id: 'load', name: 'Load' })
  const make = async (count: number) => {
    const made: string[] = []
    for (let left = count; left > 0; left -= 100) {
      const some = Array.from({ length: Math.min(left, 100) }, () => generateKey('tk', 'test'))
      await Promise.all(
        some.map((key) =>
          store.keys.import({
            tenantId: 'load',
            name: 'k',
            environment: 'test',
            scopes: ['usage:read'],
            hash: createHash('sha256').update(key).digest('hex'),
            start: key.slice(0, 12),
            last4: key.slice(-4),
          }),
        ),
      )
      made.push(...some)
    }
    return made
  }
  const hot = await make(HOT)
  const unused = await make(COLD)
  let next = 0
  const traffic = new Traffic(RATE, hot, () => unused[next++ % unused.length] ?? '')
  let fleet: RunningExample[] = []
  const join = async () => {
    const instance = await start(store)
    traffic.add(instance.address)
    await until(() => traffic.instances.get(instance.address)?.ready === true)
    fleet.push(instance)
  }
  for (let i = 0; i < 3; i++) await join()
  await sleep(3_000)
  traffic.exchanges.length = 0

  const wanted = values.only.split(',')
  if (wanted.includes('rollout')) await rollout()
  if (wanted.includes('outage')) await outage()
  if (wanted.includes('maintenance')) await maintenance()
  await traffic.stop()
  for (const instance of fleet) await instance.stop()
  await store.close()

  async function rollout() {
    const begun = performance.now()
    for (const instance of fleet.splice(0)) {
      await join()
      const code = await instance.stop('SIGTERM')
      if (code !== 0) failed = true
      traffic.remove(instance.address)
    }
    await sleep(1_000)
    const all = traffic.exchanges.filter(({ at }) => at >= begun)
    const bad = all.filter(({ status }) => status !== 200)
    if (bad.length > 0) failed = true
    console.log(`\n## ${kind}: rollout of three instances at ${RATE} requests a second\n`)
    console.log(`${all.length} requests: ${statuses(all)}; p50 ${ms(all, 0.5)}, p99 ${ms(all, 0.99)}`)
  }

  async function outage() {
    const length = Number(values.seconds) * 1_000
    await sleep(2_000)
    const begun = performance.now()
    await store.server.stop('SIGKILL')
    const down = performance.now()
    await sleep(length)
    const asked = performance.now()
    await store.server.start()
    const up = performance.now()
    await sleep(6_000)
    console.log(`\n## ${kind}: away for ${values.seconds} s\n`)
    console.log(
      `Second 0 begins with the kill. Asked to start at ${since(asked)}, answers at ${since(up)}.\n`,
    )
    console.log('| second | hot | cold | p99 |\n| ---: | --- | --- | ---: |')
    for (let second = -1; second < (performance.now() - begun) / 1_000 - 1.5; second++) {
      const within = traffic.exchanges.filter(({ at }) => Math.floor((at - begun) / 1_000) === second)
      const of = (which: Exchange['kind']) => statuses(within.filter(({ kind: its }) => its === which))
      console.log(`| ${second} | ${of('hot')} | ${of('cold')} | ${ms(within, 0.99)} |`)
    }
    const bad = traffic.exchanges.filter(({ at, status }) => at >= down && status !== 200)
    const last = Math.max(...bad.map(({ at }) => at))
    console.log(
      `\nThe last request that was not answered 200 began ${Math.round(last - up)} ms after the store answered.`,
    )

    function since(at: number): string {
      return `${((at - begun) / 1_000).toFixed(1)} s`
    }
  }

  async function maintenance() {
    console.log(`\n## ${kind}: maintenance at ${RATE} requests a second\n`)
    console.log('| what | took | hot | cold | p99 | last error after its end |')
    console.log('| --- | ---: | --- | --- | ---: | ---: |')
    for (const [what, work] of Object.entries(store.maintenance)) {
      await sleep(4_000)
      const begun = performance.now()
      const error = await work().then(
        () => '',
        (thrown: unknown) => ` (${thrown instanceof Error ? thrown.message : String(thrown)})`,
      )
      const ended = performance.now()
      await sleep(5_000)
      const all = traffic.exchanges.filter(({ at }) => at >= begun)
      const of = (which: Exchange['kind']) => statuses(all.filter(({ kind: its }) => its === which))
      const last = Math.max(0, ...all.filter(({ status }) => status !== 200).map(({ at }) => at - ended))
      const errors = all.some(({ status }) => status !== 200)
      console.log(
        `| ${what}${error} | ${((ended - begun) / 1_000).toFixed(1)} s | ${of('hot')} | ${of('cold')} | ${ms(all, 0.99)} | ${errors ? `${Math.round(last)} ms` : '–'} |`,
      )
    }
  }
}
process.exit(failed ? 1 : 0)

function ms(exchanges: readonly Exchange[], share: number): string {
  return `${quantile(
    exchanges.map(({ took }) => took),
    share,
  ).toFixed(1)} ms`
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20)
}
