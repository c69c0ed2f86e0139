// Keys in real servers: the coherent cache in front of them, and look-ups that always ask.
import { hash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import { Pool } from 'pg'
import { built } from './built.mjs'
import { cachedKey } from './by-hand.mjs'
import { askForAll, guard } from './tenant-auth.mjs'

const { KeyManager } = await built('index.js')
const { PostgresKeyStore } = await built('stores/postgres/index.js')
const { RedisKeyStore } = await built('stores/redis/index.js')

const HEADER = 'x-tenant-api-key'
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

// Look-ups by hand that go together, as with a data loader: no time limit, and nothing is checked.
export async function byHandCold(app) {
  const pool = newPool()
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  const values = await fill(store, 2_000)
  const text = `
    SELECT encode(k.hash, 'hex') AS hash, k.id, k.name, k.environment, k.scopes, k.metadata, k.expires_at, k.revoked_at,
      t.id AS tenant_id, t.name AS tenant_name, t.metadata AS tenant_metadata, t.suspended_at
    FROM tenant_auth.keys k JOIN tenant_auth.tenants t ON t.id = k.tenant_id
    WHERE k.hash = ANY($1::bytea[])`
  const waiting = []
  let isAsking = false
  const ask = async () => {
    isAsking = true
    while (waiting.length > 0) {
      const asked = waiting.splice(0, 64)
      const hashes = asked.map(({ digest }) => Buffer.from(digest, 'hex'))
      const { rows } = await pool.query({ name: 'find', text, values: [hashes] })
      const found = new Map(rows.map((row) => [row.hash, row]))
      for (const { digest, settle } of asked) settle(found.get(digest))
    }
    isAsking = false
  }
  const cache = new LRUCache({ max: 1, ttl: 600_000 })
  app.decorateRequest('tenant', null)
  app.addHook('onRequest', (request, reply, done) => {
    const digest = hash('sha256', String(request.headers[HEADER]), 'hex')
    const letIn = (key) => {
      request.tenant = key
      done()
    }
    const held = cache.get(digest)
    if (held !== undefined) {
      letIn(held)
      return
    }
    const settle = (key) => {
      cache.set(digest, key)
      if (key === undefined) reply.code(401).send({ error: 'invalid key' })
      else letIn(key)
    }
    waiting.push({ digest, settle })
    if (!isAsking) setImmediate(() => isAsking || void ask())
  })
  return { header: HEADER, values }
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
