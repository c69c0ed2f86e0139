import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KeyCache, KeyCacheOptions } from '../../src/cache/key-cache.ts'
import type { FleetReport } from '../../src/coherence/fleet-report.ts'
import { TimeLimitError } from '../../src/lib/time-limit.ts'
import { StoreAnswerError, type Verdict } from '../../src/cache/verdict.ts'
import type { KeyStore } from '../../src/stores/key-store.ts'
import { CacheByHash } from './cache-by-hash.ts'
import { LocalStore } from './local-store.ts'
import { ManualClock, settle } from './manual-clock.ts'
import { hashToDigest } from '../../src/keys/key-digest.ts'
import { GOOD, SlowStore } from './slow-store.ts'

const CACHE = { max: 3, ttl: 5_000, negativeTtl: 1_000, staleIfError: 0 }

function build<Store extends KeyStore>(store: Store, options: Partial<KeyCacheOptions> = {}) {
  const clock = new ManualClock()
  const cache = new CacheByHash({
    store,
    clock,
    cache: CACHE,
    lookupTimeout: 1_000,
    maxConcurrentLookups: 4,
    ...options,
  })
  return { store, clock, cache }
}

/** Fills the cache with a good key. */
async function fill(cache: KeyCache, store: SlowStore, hash: string): Promise<void> {
  const found = cache.find(hash)
  await settle()
  store.last.answer({ ...GOOD, id: hash })
  await found
}

function keyId(verdict: Verdict | undefined): string | undefined {
  return typeof verdict === 'object' ? verdict.key.id : verdict
}

describe('a cache on a store without coherence', () => {
  it('serves a key from memory after one read', async () => {
    const { cache, store } = build(new SlowStore())
    assert.equal(cache.lookup('aa'), undefined)
    await fill(cache, store, 'aa')
    assert.equal(keyId(cache.lookup('aa')), 'aa')
    assert.equal(store.reads.length, 1)
    assert.deepEqual(
      [cache.stats().hits, cache.stats().misses, cache.stats().cachedKeys, cache.stats().fleet],
      [1, 1, 1, null],
    )
  })

  it('counts the time to live from before the read, and does not extend it on use', async () => {
    const { cache, store, clock } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    clock.freeze(900)
    store.last.answer(GOOD)
    await found
    clock.freeze(4_099)
    assert.notEqual(cache.lookup('aa'), undefined)
    clock.freeze(1)
    assert.equal(cache.lookup('aa'), undefined)
  })

  it('refuses a key from its expiry on, whether it is cached or not', async () => {
    const { cache, store, clock } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    store.last.answer({ ...GOOD, expiresAt: new Date(clock.wall() + 100) })
    await found
    clock.freeze(99)
    assert.equal(keyId(cache.lookup('aa')), 'key_1')
    clock.freeze(1)
    assert.equal(cache.lookup('aa'), 'expired')
    const { hits, negativeHits } = cache.stats()
    assert.deepEqual([hits, negativeHits], [1, 1])

    const late = cache.find('bb')
    await settle()
    store.last.answer({ ...GOOD, expiresAt: new Date(clock.wall()) })
    assert.equal(await late, 'expired')
    assert.equal(cache.lookup('bb'), 'expired')
  })

  it('refuses unknown and revoked keys from memory for a while', async () => {
    const { cache, store, clock } = build(new SlowStore())
    for (const [hash, stored, verdict] of [
      ['aa', null, 'unknown'],
      ['bb', { ...GOOD, revokedAt: new Date(0) }, 'revoked'],
    ] as const) {
      const found = cache.find(hash)
      await settle()
      store.last.answer(stored)
      assert.equal(await found, verdict)
      assert.equal(cache.lookup(hash), verdict)
    }
    assert.equal(cache.stats().negativeHits, 2)
    clock.freeze(1_000)
    assert.equal(cache.lookup('aa'), undefined)
  })

  it('keeps refused keys apart, so that a flood of them evicts no good key', async () => {
    const { cache, store } = build(new SlowStore())
    await fill(cache, store, 'good')
    for (let i = 0; i < 1_001; i++) {
      const found = cache.find(`f00d${i.toString(16).padStart(4, '0')}`)
      await settle()
      store.last.answer(null)
      await found
    }
    assert.equal(keyId(cache.lookup('good')), 'good')
    assert.equal(cache.stats().cachedRefusals, 1_000)
    assert.equal(cache.stats().evictions, 0)
  })

  it('keeps a key that is in use and remembered, however many others come and go', async () => {
    const { cache, store, clock } = build(new SlowStore(), { cache: { ...CACHE, ttl: 600_000 } })
    await fill(cache, store, 'aa')
    for (let i = 0; i < 20; i++) {
      // The first look-up finds it, those after it remember it.
      for (let again = 0; again < 4; again++) {
        clock.freeze(250)
        assert.equal(keyId(cache.lookup('aa')), 'aa', `${i}`)
      }
      await fill(cache, store, `${i + 10}`)
    }
    assert.ok(cache.stats().evictions > 10)
  })

  it('serves a remembered entry for a second after each look-up in memory', async () => {
    const { cache, store, clock } = build(new SlowStore())
    await fill(cache, store, 'aa')
    const held = cache.held(hashToDigest('aa'))
    assert.ok(held)
    for (let again = 0; again < 2; again++) {
      assert.equal(cache.serve(held, true), undefined)
      assert.equal(keyId(cache.serve(held, false)), 'aa')
      clock.freeze(999)
      assert.equal(keyId(cache.serve(held, true)), 'aa')
      clock.freeze(1)
    }
  })

  it('stops serving a remembered entry that was evicted or read again', async () => {
    const { cache, store } = build(new SlowStore(), { cache: { ...CACHE, max: 1 } })
    await fill(cache, store, 'aa')
    assert.equal(keyId(cache.lookup('aa')), 'aa')
    await fill(cache, store, 'bb')
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(keyId(cache.lookup('bb')), 'bb')
    const found = cache.find('bb')
    await settle()
    store.last.answer({ ...GOOD, id: 'changed' })
    await found
    assert.equal(keyId(cache.lookup('bb')), 'changed')
  })

  it('holds at most max keys, and counts those that newer ones evict', async () => {
    const { cache, store } = build(new SlowStore())
    for (const hash of ['aa', 'bb', 'cc', 'dd']) await fill(cache, store, hash)
    assert.equal(cache.stats().cachedKeys, 3)
    assert.equal(cache.stats().evictions, 1)
    assert.equal(cache.lookup('aa'), undefined)
  })

  it('makes one read for a thousand concurrent requests of a good or an unknown key', async () => {
    for (const stored of [GOOD, null]) {
      const { cache, store } = build(new SlowStore())
      const found = Array.from({ length: 1_000 }, () => cache.find('aa'))
      await settle()
      store.last.answer(stored)
      const verdicts = await Promise.all(found)
      assert.equal(store.reads.length, 1)
      assert.ok(
        verdicts.every((verdict) => (stored === null ? verdict === 'unknown' : keyId(verdict) === 'key_1')),
      )
    }
  })

  it('drops everything when the wall and monotonic clocks diverge', async () => {
    const { cache, store, clock } = build(new SlowStore())
    await fill(cache, store, 'aa')
    clock.jumpWall(3_600_000)
    assert.equal(cache.lookup('aa'), undefined)
    await fill(cache, store, 'aa')
    clock.jumpWall(-3_600_000)
    assert.equal(cache.lookup('aa'), undefined)
    await fill(cache, store, 'aa')
    clock.jumpWall(40)
    assert.equal(keyId(cache.lookup('aa')), 'aa')
  })

  it('does not mistake a delay between reading the two clocks for a jump', async () => {
    const { cache, store, clock } = build(new SlowStore())
    await fill(cache, store, 'aa')
    clock.holdUpBeforeWall(100)
    assert.equal(keyId(cache.lookup('aa')), 'aa')
    clock.holdUpBeforeWall(100, 100, 100)
    assert.equal(keyId(cache.lookup('aa')), 'aa')
  })

  it('rejects an answer that was read across a clock jump, as its age is unknown', async () => {
    const { cache, store, clock } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    clock.jumpWall(3_600_000)
    store.last.answer(GOOD)
    await assert.rejects(found, /no answer within/)
    assert.equal(cache.stats().cachedKeys, 0)
  })

  it('rejects an answer that is read after its time limit, even if no timer has run', async () => {
    const { cache, store, clock } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    clock.freeze(1_001)
    store.last.answer(GOOD)
    await assert.rejects(found, /no answer within/)
    assert.equal(cache.stats().cachedKeys, 0)
  })

  it('asks the store every time and joins no reads when it is turned off', async () => {
    const { cache, store } = build(new SlowStore(), { cache: false })
    const found = [cache.find('aa'), cache.find('aa')]
    await settle()
    assert.equal(store.reads.length, 2)
    for (const read of store.reads) read.answer(GOOD)
    assert.deepEqual((await Promise.all(found)).map(keyId), ['key_1', 'key_1'])
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(cache.ready, true)
    assert.equal(cache.stats().cachedKeys, 0)
    assert.equal(cache.stats().cachedRefusals, 0)
  })

  it('reports the use of a key at most once a minute', async () => {
    const uses: [string, number][] = []
    const { cache, store, clock } = build(new SlowStore(), {
      cache: { ...CACHE, ttl: 600_000 },
      onUse: (id, wall) => uses.push([id, wall]),
    })
    const first = clock.wall()
    await fill(cache, store, 'aa')
    clock.freeze(59_999)
    cache.lookup('aa')
    clock.freeze(1)
    cache.lookup('aa')
    cache.lookup('aa')
    assert.deepEqual(uses, [
      ['aa', first],
      ['aa', first + 60_000],
    ])
  })
})

describe('a store behind a cache', () => {
  it('has its errors passed on and not cached', async () => {
    const { cache, store } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    store.last.fail(new Error('connection refused'))
    await assert.rejects(found, /connection refused/)
    assert.equal(cache.stats().storeErrors, 1)
    await fill(cache, store, 'aa')
    assert.equal(store.reads.length, 2)
  })

  it('has its look-ups counted and timed by outcome', async () => {
    const { cache, store, clock } = build(new SlowStore(), { maxConcurrentLookups: 1 })
    for (const [hash, answer] of [
      ['aa', () => store.last.answer(GOOD)],
      ['bb', () => store.last.answer(null)],
      ['cc', () => store.last.fail(new Error('down'))],
    ] as const) {
      const found = cache.find(hash).catch(() => {})
      const waiting = cache.find(`${hash}01`).catch(() => {})
      assert.equal(cache.stats().waitingLookups, 1)
      clock.freeze(100)
      answer()
      await settle()
      clock.freeze(200)
      answer()
      await Promise.all([found, waiting])
    }
    assert.deepEqual(cache.stats().lookups, {
      good: { count: 2, ms: 400 },
      refused: { count: 2, ms: 400 },
      failed: { count: 2, ms: 400 },
    })
  })

  it('may throw instead of returning a promise', async () => {
    const { cache } = build({
      findByHash() {
        throw new Error('not even a promise')
      },
    })
    await assert.rejects(cache.find('aa'), /not even a promise/)
  })

  it('has a time limit, after which its signal is aborted and a late answer is not cached', async () => {
    const { cache, store, clock } = build(new SlowStore())
    const found = cache.find('aa')
    found.catch(() => {})
    await clock.advance(999)
    assert.equal(store.last.signal.aborted, false)
    await clock.advance(1)
    await assert.rejects(found, TimeLimitError)
    assert.equal(store.last.signal.aborted, true)
    store.last.answer(GOOD)
    await settle()
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(clock.pendingTimers, 0)
  })

  it('gets no more look-ups at once than the cap, even if it never answers', async () => {
    const { cache, store, clock } = build(new SlowStore())
    const found = Array.from({ length: 50 }, (_, i) => cache.find(`${10 + i}`))
    const outcomes = Promise.allSettled(found)
    await settle()
    assert.equal(store.reads.length, 3, 'a quarter of the places is for keys that were good a moment ago')
    assert.equal(cache.stats().pendingLookups, 50)
    store.last.answer(GOOD)
    await settle()
    assert.equal(store.reads.length, 4)
    await clock.advance(1_000)
    const failed = (await outcomes).filter(({ status }) => status === 'rejected')
    assert.equal(failed.length, 49)
    assert.equal(store.reads.length, 4, 'look-ups that waited until their time limit are not sent')
    assert.equal(cache.stats().pendingLookups, 0)
  })

  it('is asked again for a key whose look-up was given up before its turn', async () => {
    const { cache, store, clock } = build(new SlowStore(), { maxConcurrentLookups: 1 })
    const given = Promise.allSettled([cache.find('aa'), cache.find('bb')])
    await settle()
    await clock.advance(1_000)
    assert.deepEqual(
      (await given).map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(store.reads.length, 1)
    const again = cache.find('bb')
    await settle()
    assert.equal(store.reads.length, 2)
    store.last.answer(GOOD)
    assert.equal(keyId(await again), 'key_1')
  })

  it('is not trusted when its answer has the wrong shape', async () => {
    const { cache, store } = build(new SlowStore())
    const wrong: unknown[] = [
      'key_1',
      [],
      {},
      { id: '' },
      { id: 7, tenant: { id: 't' } },
      { id: 'k' },
      { id: 'k', tenant: 't' },
      { id: 'k', tenant: {} },
      { id: 'k', tenant: { id: '' } },
      { id: 'k', tenant: { id: 't', name: 7 } },
      { id: 'k', tenant: { id: 't', metadata: 'x' } },
      { id: 'k', tenant: { id: 't', suspended: 'no' } },
      { id: 'k', tenant: { id: 't' }, name: 1 },
      { id: 'k', tenant: { id: 't' }, environment: 1 },
      { id: 'k', tenant: { id: 't' }, scopes: 'read' },
      { id: 'k', tenant: { id: 't' }, scopes: [1] },
      { id: 'k', tenant: { id: 't' }, metadata: [] },
      { id: 'k', tenant: { id: 't' }, expiresAt: '2030-01-01' },
      { id: 'k', tenant: { id: 't' }, expiresAt: new Date(Number.NaN) },
      { id: 'k', tenant: { id: 't' }, revokedAt: 0 },
    ]
    for (const answer of wrong) {
      const found = cache.find('aa')
      await settle()
      store.last.answer(answer as never)
      await assert.rejects(found, StoreAnswerError, JSON.stringify(answer))
      assert.equal(cache.lookup('aa'), undefined)
    }
    assert.equal(cache.stats().storeErrors, wrong.length)
  })

  it('may return just the two ids', async () => {
    const { cache, store } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    store.last.answer({ id: 'k', tenant: { id: 't' } })
    const entry = await found
    assert.ok(typeof entry === 'object')
    assert.deepEqual(entry.tenant, { id: 't', name: 't', metadata: {} })
    assert.deepEqual(entry.key, {
      id: 'k',
      name: 'k',
      environment: '',
      scopes: [],
      expiresAt: null,
      metadata: {},
    })
    assert.ok(Object.isFrozen(entry.tenant) && Object.isFrozen(entry.key.scopes))
  })

  it('may return null for anything that it has no column for', async () => {
    const { cache, store } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    const nothing = { name: null, metadata: null }
    const tenant = { id: 't', suspended: null, ...nothing }
    store.last.answer({ id: 'k', tenant, environment: null, scopes: null, ...nothing })
    const entry = await found
    assert.ok(typeof entry === 'object')
    assert.deepEqual(entry.tenant, { id: 't', name: 't', metadata: {} })
    const { name, environment, scopes, metadata } = entry.key
    assert.deepEqual([name, environment, scopes, metadata, entry.suspended], ['k', '', [], {}, false])
  })

  it('keeps its record to itself, as requests share a deeply frozen copy', async () => {
    const { cache, store } = build(new SlowStore())
    const found = cache.find('aa')
    await settle()
    const own = new URL('https://example.com')
    const metadata = { plan: { limits: [1, { deep: [2] }] }, bare: Object.create(null) as object, own }
    const expiresAt = new Date(8e14)
    store.last.answer({ id: 'k', tenant: { id: 't', metadata }, metadata, expiresAt })
    const entry = await found
    assert.ok(typeof entry === 'object')
    for (const shared of [entry.tenant.metadata, entry.key.metadata] as (typeof metadata)[]) {
      assert.equal(JSON.stringify(shared), JSON.stringify(metadata))
      const [, second] = shared.plan.limits
      const parts = [shared, shared.plan, shared.plan.limits, second, (second as { deep: object }).deep]
      for (const part of [...parts, shared.bare]) assert.ok(Object.isFrozen(part))
      assert.equal(shared.own, own)
    }
    for (const part of [metadata, metadata.plan, metadata.plan.limits, own]) assert.ok(!Object.isFrozen(part))
    assert.notEqual(entry.key.expiresAt, expiresAt)
  })

  it('may fail for as long as staleIfError allows, and no longer', async () => {
    const { cache, store, clock } = build(new SlowStore(), { cache: { ...CACHE, staleIfError: 2_000 } })
    await fill(cache, store, 'aa')
    clock.freeze(6_999)
    const stale = cache.find('aa')
    await settle()
    store.last.fail(new Error('down'))
    assert.equal(keyId(await stale), 'aa')
    assert.equal(cache.stats().staleHits, 1)
    clock.freeze(1)
    const over = cache.find('aa')
    await settle()
    store.last.fail(new Error('down'))
    await assert.rejects(over, /down/)
  })

  it('ends the use of a stale entry by answering that the key is unknown', async () => {
    const { cache, store, clock } = build(new SlowStore(), {
      cache: { ...CACHE, negativeTtl: 1, staleIfError: 2_000 },
    })
    await fill(cache, store, 'aa')
    clock.freeze(5_000)
    const fresh = cache.find('aa')
    await settle()
    store.last.answer(null)
    assert.equal(await fresh, 'unknown')
    clock.freeze(1)
    const later = cache.find('aa')
    await settle()
    store.last.fail(new Error('down'))
    await assert.rejects(later, /down/)
  })
})

describe('a cache on a store in the same process', () => {
  it('drops changed keys at once, good or refused', async () => {
    const { cache, store } = build(new LocalStore())
    await fill(cache, store, 'aa')
    const found = cache.find('bb')
    await settle()
    store.last.answer(null)
    await found
    // Remembered from here on.
    assert.deepEqual([keyId(cache.lookup('aa')), cache.lookup('bb')], ['aa', 'unknown'])
    store.changed('aa', 'bb')
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(cache.lookup('bb'), undefined)
  })

  for (const [what, hashes] of [
    ['base64', [Buffer.from('aa', 'hex').toString('base64')]],
    ['prefixed hashes', ['bb', 'sha256:aa']],
    ['bytes', [Buffer.from('aa', 'hex')]],
    ['hashes with half a byte', ['aab']],
    ['key ids', ['key_1']],
    ['nothing', undefined],
  ] as const) {
    it(`drops everything, and reports it, when the store announces changes as ${what}`, async () => {
      const reports: FleetReport[] = []
      const { cache, store } = build(new LocalStore(), { onReport: (report) => reports.push(report) })
      await fill(cache, store, 'aa')
      const reading = cache.find('cc')
      store.tell(hashes as unknown as string[])
      assert.equal(cache.lookup('aa'), undefined)
      await settle()
      store.last.answer(GOOD)
      await reading
      assert.equal(cache.lookup('cc'), undefined, 'an earlier read is not kept')
      assert.deepEqual(reports, [{ event: 'reset', reason: 'unreadable-hashes' }])
    })
  }

  it('accepts hashes in upper case', async () => {
    const { cache, store } = build(new LocalStore())
    await fill(cache, store, 'aa')
    await fill(cache, store, 'bb')
    store.changed('AA')
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(keyId(cache.lookup('bb')), 'bb')
  })

  it('does not cache a look-up during which the key changed', async () => {
    const { cache, store } = build(new LocalStore())
    const found = cache.find('aa')
    await settle()
    store.changed('aa')
    store.last.answer(GOOD)
    assert.equal(keyId(await found), 'key_1', 'the request came before the change and may see either')
    assert.equal(cache.lookup('aa'), undefined)
  })

  it('makes a new read for a request after the change, which joins no older read', async () => {
    const { cache, store } = build(new LocalStore())
    const before = cache.find('aa')
    await settle()
    store.changed('aa')
    const after = cache.find('aa')
    await settle()
    assert.equal(store.reads.length, 2)
    store.reads[1]?.answer({ ...GOOD, revokedAt: new Date(0) })
    assert.equal(await after, 'revoked')
    store.reads[0]?.answer(GOOD)
    await before
    assert.equal(cache.lookup('aa'), 'revoked', 'the older answer that came later changes nothing')
  })

  it('keeps a newer look-up when the older one that it replaced fails', async () => {
    const { cache, store } = build(new LocalStore())
    const before = cache.find('aa')
    await settle()
    store.changed('aa')
    const after = cache.find('aa')
    await settle()
    store.reads[0]?.fail(new Error('late'))
    await assert.rejects(before, /late/)
    const joined = cache.find('aa')
    store.reads[1]?.answer(GOOD)
    await Promise.all([after, joined])
    assert.equal(store.reads.length, 2)
  })

  it('serves nothing from memory and stops listening once it is closed', async () => {
    const { cache, store } = build(new LocalStore())
    await fill(cache, store, 'aa')
    assert.equal(cache.ready, true)
    await cache.close()
    assert.equal(cache.stats().cachedKeys, 0)
    assert.equal(cache.ready, false)
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(store.listeners, 0)
    await fill(cache, store, 'aa')
    assert.equal(cache.lookup('aa'), undefined)
  })

  it('closes only after the look-ups under way have been answered', async () => {
    const { cache, store, clock } = build(new LocalStore())
    const answered = cache.find('aa')
    await settle()
    const first = store.last
    const hung = assert.rejects(cache.find('bb'), TimeLimitError)
    let closed = false
    const closing = cache.close().then(() => (closed = true))
    first.answer(GOOD)
    assert.notEqual(typeof (await answered), 'string')
    await settle()
    assert.equal(closed, false)
    await clock.advance(1_000)
    await hung
    await closing
  })
})
