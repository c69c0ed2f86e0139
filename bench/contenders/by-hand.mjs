// What one would write without any of the packages: the physical limit.
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { makeKeys, makeRecord, misspell } from './keys.mjs'

const HEADER = 'x-tenant-api-key'

export function bare() {
  return { header: HEADER, values: makeKeys(1) }
}

export function decorate(app) {
  const entry = makeRecord('a'.repeat(64))
  app.decorateRequest('tenant', null)
  app.addHook('onRequest', (request, _reply, done) => {
    request.tenant = entry
    done()
  })
  return { header: HEADER, values: makeKeys(1) }
}

export function cachedKey(app) {
  return guard(app, makeKeys(1_000), makeRecord)
}

export function manyKeys(app, { keys }) {
  return guard(app, makeKeys(keys), (digest) => ({
    id: digest.slice(0, 8),
    tenant: { id: digest.slice(0, 8) },
  }))
}

function guard(app, values, recordOf) {
  const cache = new LRUCache({ max: Math.max(10_000, values.length), ttl: 600_000 })
  for (const key of values) {
    const digest = hash('sha256', key, 'hex')
    cache.set(digest, recordOf(digest))
  }
  app.decorateRequest('tenant', null)
  app.addHook('onRequest', (request, reply, done) => {
    const key = request.headers[HEADER]
    const entry = typeof key === 'string' ? cache.get(hash('sha256', key, 'hex')) : undefined
    if (entry === undefined) {
      reply.code(401).send({ error: 'invalid key' })
      return
    }
    request.tenant = entry
    done()
  })
  return { header: HEADER, values }
}

export function refusal(app) {
  const contender = cachedKey(app)
  return { ...contender, values: contender.values.map(misspell), status: 401 }
}
