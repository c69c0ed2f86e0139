// The package's keys, as built: from `dist`.
import { hash } from 'node:crypto'
import { built } from './built.mjs'
import { keepTickObject, makeKeys, makeRecord, misspell } from './keys.mjs'

const { default: tenantAuth } = await built('tenant-auth/index.js')
const HEADER = 'x-tenant-api-key'

// A store of one's own that has every key. It is not asked while it counts.
const anyKey = { findByHash: async (hash) => makeRecord(hash) }
// The least that a store may answer, for a million of them.
const anyKeySmall = {
  findByHash: async (hash) => ({ id: hash.slice(0, 8), tenant: { id: hash.slice(0, 8) } }),
}

export async function guard(app, keyStore, values, cache = {}) {
  await app.register(tenantAuth, {
    keyStore,
    cache: { max: Math.max(10_000, values.length), ttl: 600_000, negativeTtl: 600_000, ...cache },
  })
  return { header: HEADER, values, stats: () => app.tenantAuth.stats() }
}

export function cachedKey(app) {
  return guard(app, anyKey, makeKeys(1_000))
}

// Load alone would take minutes to ask for each of a million keys.
export async function manyKeys(app, { keys }) {
  const contender = await guard(app, anyKeySmall, makeKeys(keys))
  const captured = {}
  app.get('/capture', (request) => {
    captured.request = request
    return {}
  })
  return {
    ...contender,
    async warmUp() {
      const [key] = contender.values
      await app.inject({ url: '/capture', headers: { [HEADER]: key } })
      // A real request, because V8 makes other code for a function that sees objects of two shapes.
      const { request } = captured
      keepTickObject()
      for (const key of contender.values) {
        request.raw.headers[HEADER] = key
        await app.verifyTenantKey(request)
      }
    },
  }
}

// Refusals of what never was a key: no hash, no store.
export async function garbage(app) {
  const contender = await guard(app, anyKey, makeKeys(1_000))
  return { ...contender, values: contender.values.map(misspell), status: 401 }
}

export async function unknown(app) {
  return { ...(await guard(app, { findByHash: async () => null }, makeKeys(1_000))), status: 401 }
}

// Each another one. The store has them all refused in no time.
export async function unknownFresh(app) {
  return { ...(await unknown(app)), fresh: 'key' }
}

export async function revoked(app) {
  const keyStore = { findByHash: async (hash) => ({ ...makeRecord(hash), revokedAt: new Date() }) }
  return { ...(await guard(app, keyStore, makeKeys(1_000))), status: 401 }
}

// Has some keys and no others, and takes `delay` milliseconds for an answer, as a store across a network does. `lease`: as
// a member of a fleet that holds one, or whose lease is over after two seconds, so that each key is asked for anew.
export async function flooded(app, { delay = 1, keys = 1_000, lease = 'none' }) {
  const values = makeKeys(keys)
  const good = new Set(values.map((key) => hash('sha256', key, 'hex')))
  const keyStore = {
    async findByHash(hash) {
      await new Promise((resolve) => setTimeout(resolve, delay))
      return good.has(hash) ? makeRecord(hash) : null
    },
    ...(lease !== 'none' && { coherence: fleetOfOne(lease) }),
  }
  const contender = await guard(
    app,
    keyStore,
    values,
    lease === 'none' ? { ttl: 5_000, negativeTtl: 5_000 } : {},
  )
  // A key that was never looked up is a stranger like those of the flood.
  return { ...contender, warmUp: () => askForAll(app, contender) }
}

// Asks once for each key, so that it is known.
export async function askForAll(app, { header, values }) {
  const left = [...values]
  const askForSome = async () => {
    for (let key = left.pop(); key !== undefined; key = left.pop()) {
      await app.inject({ url: '/', headers: { [header]: key } })
    }
  }
  await Promise.all(Array.from({ length: 256 }, askForSome))
}

function fleetOfOne(lease) {
  const end = lease === 'lapsed' ? performance.now() + 2_000 : Infinity
  const membership = {
    lease: { holds: (now) => now < end, term: 1, end },
    state: 'coherent',
    joined: true,
    cause: undefined,
    staleIfError: 0,
    start: async () => {},
    close: async () => {},
    stats: () => null,
  }
  return { kind: 'fleet', lease: 2_000, heartbeat: 500, confirm: async () => {}, join: () => membership }
}
