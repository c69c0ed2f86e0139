// Keys in real servers: the coherent cache in front of them, and look-ups that always ask.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { built } from './built.mjs'
import { cachedKey } from './by-hand.mjs'
import { askForAll, guard } from './tenant-auth.mjs'

const { KeyManager } = await built('index.js')
const { PostgresKeyStore } = await built('stores/postgres/index.js')
const { RedisKeyStore } = await built('stores/redis/index.js')

// Of 2,000 keys, asked for at random, the cache holds one.
const COLD = { max: 1 }

export const postgresCached = async (app) => filled(app, await postgres(), 1_000)
export const redisCached = async (app) => filled(app, await redis(), 1_000)
export const postgresCold = async (app) => filled(app, await postgres(), 2_000, COLD)
export const redisCold = async (app) => filled(app, await redis(), 2_000, COLD)

// One of several instances that share a store, and the keys that the first one has made and written to a file.
export async function postgresShared(app, { file, count, warm }) {
  const store = await postgres(process.env.BENCH_DEPLOYMENT_URL)
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(await fill(store, count)))
  const contender = await guard(app, store, JSON.parse(readFileSync(file, 'utf8')))
  return warm ? { ...contender, warmUp: () => askForAll(app, contender) } : contender
}

// The hook by hand in an app that uses the same pool for something else, as every app on PostgreSQL does: Node's streams
// then have sockets of two kinds to serve, and code of more shapes.
export async function byHandBesidePostgres(app) {
  const pool = newPool()
  setInterval(() => void pool.query('SELECT now(), $1::text', ['heartbeat']), 500)
  for (let i = 0; i < 1_000; i += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, j) => pool.query('SELECT now(), $1::text', [`${i + j}`])),
    )
  }
  return cachedKey(app)
}

function newPool(connectionString = process.env.BENCH_POSTGRES_URL) {
  return new Pool({ connectionString, max: 10 })
}

async function postgres(url) {
  const pool = newPool(url)
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  return store
}

async function redis() {
  const settings = { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true }
  const client = new Redis(process.env.BENCH_REDIS_URL, settings)
  await client.connect()
  return new RedisKeyStore({ client })
}

async function filled(app, store, count, cache = {}) {
  return guard(app, store, await fill(store, count), cache)
}

async function fill(store, count) {
  const manager = new KeyManager(store)
  const { tenant } = await manager.createTenant({ name: 'Company', metadata: { plan: 'growth' } })
  const options = { tenantId: tenant.id, name: 'server', environment: 'live', scopes: ['verify:write'] }
  const keys = []
  while (keys.length < count) {
    const made = await Promise.all(Array.from({ length: 50 }, () => manager.create(options)))
    keys.push(...made.map(({ key }) => key))
  }
  return keys
}
