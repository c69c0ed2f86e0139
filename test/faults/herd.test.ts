/** A cache full of hot keys loses its store for longer than the lease: no herd of look-ups, then or when the store is back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import { KeyCache } from '../../src/cache/key-cache.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { digestKey } from '../../src/keys/key-digest.ts'
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type { KeyStore } from '../../src/stores/key-store.ts'
import { PostgresKeyStore } from '../../src/stores/postgres/index.ts'
import { startPostgres } from '../servers/index.ts'

const KEYS = 100_000
const CAP = 16
const LEASE = 2_000
test('100,000 hot keys without their store never make more look-ups at once than the cap', async (t) => {
  const server = await startPostgres()
  const { connectionString } = server
  const pool = new Pool({ connectionString, max: 4 * CAP, connectionTimeoutMillis: LEASE })
  pool.on('error', () => {})
  const postgres = new PostgresKeyStore({ pool, lease: LEASE, heartbeat: LEASE / 5 })
  await postgres.migrate()
  const counted = new CountedStore(postgres)
  const cache = new KeyCache({
    store: counted,
    clock: systemClock,
    cache: { max: KEYS, ttl: 600_000, negativeTtl: 5_000, staleIfError: 0 },
    lookupTimeout: 500,
    maxConcurrentLookups: CAP,
  })
  t.after(async () => {
    await cache.close()
    await pool.end()
    await server.stop()
  })
  const lookUp = (digest: string) => {
    const held = cache.held(digest)
    return held && cache.serve(held, false)
  }
  await cache.start()
  const digests = Array.from({ length: KEYS }, (_, i) => digestKey(`key ${i}`))
  // Lets heartbeats run in between. Asks again for keys that were not kept, because there was no lease, or whose look-up
  // did not begin in time.
  for (let i = 0; cache.stats().cachedKeys < KEYS; i = (i + 200) % KEYS) {
    await Promise.all(
      digests.slice(i, i + 200).map(async (digest) => lookUp(digest) ?? cache.find(digest).catch(() => {})),
    )
    await setImmediate()
  }
  assert.equal(cache.stats().cachedKeys, KEYS)

  counted.warming = false
  counted.most = 0
  const outcomes = { answered: 0, failed: 0 }
  /** Asks for random hot keys again and again, as requests do: in memory first, then in the store. */
  const storm = async (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; await sleep(5)) {
      for (let i = 0; i < 10; i++) {
        const digest = digests[Math.floor(Math.random() * KEYS)] as string
        if (lookUp(digest) !== undefined) outcomes.answered++
        else
          cache.find(digest).then(
            () => outcomes.answered++,
            () => outcomes.failed++,
          )
      }
    }
  }

  await server.stop('SIGKILL')
  await storm(1.5 * LEASE)
  for (let tries = 0; tries < 100 && outcomes.failed === 0; tries++) await storm(100)
  assert.ok(outcomes.failed > 0)
  await server.start()
  // Until the cache is coherent again, which may take a few heartbeats on a busy machine.
  for (let tries = 0; tries < 600 && !cache.ready; tries++) await storm(100)
  assert.ok(cache.ready)
  assert.ok(counted.most <= CAP, `${counted.most} look-ups at once`)

  // All look-ups have settled, and the entries are still there: the cache need not be filled again.
  for (let tries = 0; tries < 600 && cache.stats().pendingLookups > 0; tries++) await sleep(10)
  assert.equal(cache.stats().pendingLookups, 0)
  assert.ok(cache.stats().cachedKeys > KEYS / 2, `${cache.stats().cachedKeys} keys are still in memory`)
})

/** Counts look-ups under way. While the cache warms up it answers by itself, so 100,000 keys take only a second. */
class CountedStore implements KeyStore {
  warming = true
  /** The most look-ups that were under way at once. */
  most = 0
  #now = 0
  readonly coherence: CoherentKeyStore['coherence']
  readonly #store: CoherentKeyStore

  constructor(store: CoherentKeyStore) {
    this.#store = store
    this.coherence = store.coherence
  }

  async findByHash(hash: string, options: { signal: AbortSignal }) {
    if (this.warming) return { id: hash, tenant: { id: 'tenant' } }
    this.most = Math.max(this.most, ++this.#now)
    try {
      return await this.#store.findByHash(hash, options)
    } finally {
      this.#now--
    }
  }
}
