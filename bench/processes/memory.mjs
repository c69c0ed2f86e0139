// Bytes of heap for each cached key: `memory.mjs <what> <count>`, with --expose-gc.
import { hash } from 'node:crypto'
import fastify from 'fastify'
import { LRUCache } from 'lru-cache'
import { built } from '../contenders/built.mjs'
import { makeKey, makeRecord } from '../contenders/keys.mjs'

const { default: tenantAuth } = await built('tenant-auth/index.js')
const [what, given] = process.argv.slice(2)
const count = Number(given)
const newHash = () => hash('sha256', makeKey(), 'hex')

const fill = {
  // The records as a store answers them, and nothing else.
  async records() {
    return Array.from({ length: count }, () => makeRecord(newHash()))
  },
  async byHand() {
    const cache = new LRUCache({ max: count, ttl: 600_000 })
    for (let i = 0; i < count; i++) {
      const digest = newHash()
      cache.set(digest, makeRecord(digest))
    }
    return cache
  },
  async tenantAuth() {
    const app = fastify()
    const keyStore = { findByHash: async (hash) => makeRecord(hash) }
    await app.register(tenantAuth, { keyStore, cache: { max: count, ttl: 600_000 } })
    const captured = {}
    app.get('/', (request) => {
      captured.request = request
      return {}
    })
    await app.inject({ url: '/', headers: { 'x-tenant-api-key': makeKey() } })
    for (let i = 1; i < count; i++) {
      captured.request.raw.headers['x-tenant-api-key'] = makeKey()
      await app.verifyTenantKey(captured.request)
    }
    return app
  },
}

async function heapAfter(make) {
  const kept = await make()
  for (let i = 0; i < 4; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return { bytes: heapUsed + external, kept }
}

const before = await heapAfter(async () => undefined)
const after = await heapAfter(fill[what])
process.send({ bytes: (after.bytes - before.bytes) / count, kept: after.kept !== undefined })
process.on('disconnect', () => process.exit())
