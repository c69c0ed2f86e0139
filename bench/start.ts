/** How long an app takes to start until it answers from memory, with the tables there. */
import { Pool } from 'pg'
import { KeyManager } from '../src/keys/key-manager.ts'
import { PostgresKeyStore } from '../src/stores/postgres/index.ts'
import { Child, SERVER_CORE } from './child.ts'
import { type Figure, figure, show, table } from './figures.ts'
import { inRounds } from './rounds.ts'
import type { Section, Settings } from './section.ts'

const WITHOUT = 'Fastify and pg, one query'
const WITH = 'the same with tenantAuth, coherent'
export const STARTED = `start ms: ${WITH}`
const APPS = [
  { name: WITHOUT, app: 'bare' },
  { name: WITH, app: 'tenantAuth' },
]
/** A sample is cheap, and one alone says little. */
const SAMPLES_A_ROUND = 5

export async function start(settings: Settings): Promise<Section> {
  const url = process.env.BENCH_POSTGRES_URL
  if (url === undefined) return { tables: '', figures: {} }
  const key = await prepare(url)
  const rounds = settings.rounds * SAMPLES_A_ROUND
  const samples = await inRounds(APPS, { ...settings, rounds }, async ({ app }) => {
    const child = new Child('start', [app, url, key], SERVER_CORE)
    const sample = await child.answer<{ whole: number; own: number }>()
    await child.end()
    return sample
  })
  const figures: Record<string, Figure> = {}
  const rows = APPS.map(({ name }) => {
    const own = (figures[`start ms: ${name}`] = figure((samples.get(name) ?? []).map(({ own }) => own)))
    const whole = figure((samples.get(name) ?? []).map(({ whole }) => whole))
    return [name, show(own), show(whole)]
  })
  const columns = ['until the second request is answered', 'ms', 'ms with Node and its modules']
  return { tables: table(columns, rows), figures }
}

/** @returns a key that is in the store */
async function prepare(url: string): Promise<string> {
  const pool = new Pool({ connectionString: url, max: 2 })
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  const manager = new KeyManager(store)
  const { tenant } = await manager.createTenant({ name: 'Company' })
  const { key } = await manager.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
  await pool.end()
  return key
}
