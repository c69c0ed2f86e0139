/** Floods of unknown keys, on a manual clock: how good keys are answered, and what the store is asked. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Gate, GateFullError } from '../../src/cache/gate.ts'
import type { KeyCacheOptions } from '../../src/cache/key-cache.ts'
import type { KeyStore, StoredKey } from '../../src/stores/key-store.ts'
import { SharedTimeLimit } from '../../src/lib/shared-time-limit.ts'
import { CacheByHash } from './cache-by-hash.ts'
import { ManualClock, settle } from './manual-clock.ts'
import { started } from './one-instance.ts'

/** Hexadecimal that nobody else has: `5` for strangers. */
const stranger = (i: number) => `5${i.toString(16).padStart(7, '0')}`
const regular = (i: number) => `a${i.toString(16).padStart(7, '0')}`

/** A slow store that records what it was asked for, and whether somebody still waited for the answer. */
class TimedStore implements KeyStore {
  readonly asked: { hash: string; inTime: boolean | undefined }[] = []
  readonly clock: ManualClock
  takes: number
  constructor(clock: ManualClock, takes: number) {
    this.clock = clock
    this.takes = takes
  }

  findByHash(hash: string, { signal }: { signal: AbortSignal }): Promise<StoredKey | null> {
    const asked: TimedStore['asked'][number] = { hash, inTime: undefined }
    this.asked.push(asked)
    return new Promise((resolve) => {
      this.clock.setTimer(() => {
        asked.inTime = !signal.aborted
        resolve(hash.startsWith('a') ? { id: hash, tenant: { id: 't' } } : null)
      }, this.takes)
    })
  }
}

function build(options: Partial<KeyCacheOptions> = {}) {
  const clock = new ManualClock()
  const store = new TimedStore(clock, 1)
  const cache = new CacheByHash({
    store,
    clock,
    cache: { max: 100, ttl: 5_000, negativeTtl: 5_000, staleIfError: 0 },
    lookupTimeout: 1_000,
    maxConcurrentLookups: 64,
    ...options,
  })
  return { clock, store, cache }
}

/** Sends 420 unknown keys and 100 requests with 20 good keys a second: how many of each were answered. */
async function flood({ clock, store, cache }: ReturnType<typeof build>, seconds: number) {
  const good = { answered: 0, failed: 0 }
  const bad = { answered: 0, failed: 0 }
  const ask = (hash: string, count: typeof good) => {
    if (cache.lookup(hash) !== undefined) {
      count.answered++
      return
    }
    cache.find(hash).then(
      () => count.answered++,
      () => count.failed++,
    )
  }
  for (let i = 0; i < 20; i++) ask(regular(i), good)
  await clock.advance(10)
  store.takes = 200
  let strangers = 0
  for (let tick = 0; tick < seconds * 20; tick++) {
    for (let i = 0; i < 21; i++) ask(stranger(strangers++), bad)
    for (let i = 0; i < 5; i++) ask(regular((tick * 5 + i) % 20), good)
    await clock.advance(50)
  }
  await clock.advance(1_000)
  return { good, bad, strangers }
}

describe('a flood of unknown keys', () => {
  for (const [what, cache] of [
    ['past their time to live', { max: 100, ttl: 1_500, negativeTtl: 5_000, staleIfError: 0 }],
    ['in a cache too small for them', { max: 10, ttl: 5_000, negativeTtl: 5_000, staleIfError: 0 }],
    ['without a cache', false],
  ] as const) {
    it(`does not delay good keys ${what}`, async () => {
      const built = build({ cache })
      const { good, bad, strangers } = await flood(built, 6)
      assert.deepEqual(good, { answered: 20 + 600, failed: 0 })
      assert.equal(bad.answered + bad.failed, strangers)
      // 48 places, five rounds a second.
      assert.ok(bad.answered > 0.95 * 48 * 5 * 6, `${bad.answered}`)
      assert.deepEqual(
        built.store.asked.filter(({ inTime }) => inTime !== true),
        [],
        'the store is asked for nothing that comes too late',
      )
    })
  }

  it('is what a key that is not good any more belongs to', async () => {
    const { cache, clock, store } = build({ cache: false, maxConcurrentLookups: 4 })
    const find = async (hash: string) => {
      const finding = cache.find(hash).catch(() => 'failed')
      await clock.advance(store.takes)
      return finding
    }
    assert.equal(typeof (await find(regular(1))), 'object')
    const findByHash = store.findByHash.bind(store)
    store.findByHash = () => Promise.resolve(null)
    assert.equal(await find(regular(1)), 'unknown')
    store.findByHash = findByHash
    store.takes = 100
    const strangers = [1, 2, 3].map((i) => cache.find(stranger(i)))
    await settle()
    const before = store.asked.length
    const again = cache.find(regular(1))
    await settle()
    assert.equal(store.asked.length, before, 'it waits for a place among strangers')
    await clock.advance(200)
    await Promise.all([...strangers, again])
  })

  it('does not delay good keys when the lease is over', async () => {
    const { cache, clock, store, network } = await started()
    network.hold = () => true
    await clock.advance(3_000)
    assert.equal(cache.lookup('aa'), undefined, 'the lease is over')
    const reads: ((found: null) => void)[] = []
    const findByHash = store.findByHash.bind(store)
    store.findByHash = (hash) =>
      hash.startsWith('5') ? new Promise((resolve) => reads.push(resolve)) : findByHash(hash)
    const strangers = Array.from({ length: 50 }, (_, i) => cache.find(stranger(i)).catch(() => 'failed'))
    await settle()
    assert.equal(reads.length, 6)
    network.hold = () => false
    assert.equal(typeof (await cache.find('aa')), 'object')
    await clock.advance(1_000)
    assert.equal((await Promise.all(strangers)).filter((verdict) => verdict === 'failed').length, 50)
    await cache.close()
  })

  it('does not delay keys that were just changed, or dropped with all others', async () => {
    for (const change of ['one key', 'all keys'] as const) {
      const { cache, fleet, store, clock } = await started()
      store.findByHash = (hash) => {
        if (hash.startsWith('5')) return new Promise(() => {})
        return Promise.resolve({ id: hash, tenant: { id: 't' } })
      }
      if (change === 'one key') fleet.bump(['aa'])
      else fleet.history = 'other'
      await clock.advance(600)
      assert.equal(cache.stats().cachedKeys, change === 'one key' ? 1 : 0)
      const strangers = Array.from({ length: 50 }, (_, i) => cache.find(stranger(i)).catch(() => 'failed'))
      assert.equal(typeof (await cache.find('aa')), 'object')
      await clock.advance(1_000)
      await Promise.all(strangers)
      await cache.close()
    }
  })

  it('lets all waiting requests of a key share one look-up, even without a cache', async () => {
    const { cache, store, clock } = build({ cache: false, maxConcurrentLookups: 1 })
    store.takes = 100
    const found = Array.from({ length: 100 }, () => cache.find(regular(1)))
    await settle()
    assert.equal(cache.stats().pendingLookups, 2)
    await clock.advance(200)
    assert.equal((await Promise.all(found)).length, 100)
    assert.equal(store.asked.length, 2)
  })
})

describe('a gate', () => {
  const ample = (clock = new ManualClock()) => new SharedTimeLimit(clock, 1e6)

  /** A gate with one place, which is taken until `end()`. */
  function occupied() {
    const clock = new ManualClock()
    const gate = new Gate(1, clock)
    let open = () => {}
    const inside = gate.run(ample(clock), false, () => new Promise<void>((resolve) => (open = resolve)))
    const end = () => {
      open()
      return inside
    }
    return { gate, clock, end }
  }

  it('admits the last to arrive first, and regulars before strangers', async () => {
    const { gate, end } = occupied()
    const order: string[] = []
    const enter = (name: string, regular: boolean) =>
      gate.run(ample(), regular, async () => void order.push(name))
    const all = [
      enter('stranger 1', false),
      enter('regular 1', true),
      enter('stranger 2', false),
      enter('regular 2', true),
    ]
    assert.deepEqual([gate.size, gate.waiting], [5, 4])
    await Promise.all([end(), ...all])
    assert.deepEqual(order, ['regular 2', 'regular 1', 'stranger 2', 'stranger 1'])
    assert.equal(gate.size, 0)
  })

  it('lets 10,000 wait, and refuses the oldest when one more arrives', async () => {
    const { gate, end } = occupied()
    const outcomes: unknown[] = []
    const all = Array.from({ length: 10_001 }, (_, i) =>
      gate.run(ample(), false, async () => i).catch((error: unknown) => outcomes.push([i, error])),
    )
    await settle()
    assert.deepEqual([outcomes.length, gate.waiting], [1, 10_000])
    assert.deepEqual(outcomes, [[0, new GateFullError()]])
    await Promise.all([end(), ...all])
    assert.deepEqual([gate.size, outcomes.length], [0, 1])
  })

  it('turns nobody away because of one slow answer', async () => {
    const clock = new ManualClock()
    const gate = new Gate(1, clock)
    const slow = gate.run(ample(clock), false, async () => clock.freeze(700))
    const next = gate.run(new SharedTimeLimit(clock, 300), false, async () => 'answered')
    await slow
    assert.equal(await next, 'answered')
  })

  for (const [left, outcome] of [
    [140, 'enters'],
    [120, 'is refused'],
  ] as const) {
    it(`with look-ups of 100 ms, ${outcome} with ${left} ms left`, async () => {
      const clock = new ManualClock()
      const gate = new Gate(1, clock)
      const lookUp = () =>
        gate.run(ample(clock), false, () => new Promise<void>((resolve) => void clock.setTimer(resolve, 100)))
      const first = lookUp()
      const outcomes: string[] = []
      const waiting = gate
        .run(new SharedTimeLimit(clock, 600 + left), false, async () => void outcomes.push('enters'))
        .catch((error: unknown) => void (error instanceof GateFullError && outcomes.push('is refused')))
      // They arrive later, so they go first.
      const others = Array.from({ length: 5 }, lookUp)
      await clock.advance(600)
      await Promise.all([first, ...others, waiting])
      assert.deepEqual(outcomes, [outcome])
    })
  }

  for (const [past, left, outcome] of [
    [[790], 210, 'is refused'],
    [[8, 8, 8, 400], 100, 'enters'],
    [[400, 400, 400, 400], 100, 'is refused'],
  ] as const) {
    it(`after look-ups of ${past.join(', ')} ms, ${outcome} with ${left} ms left`, async () => {
      const clock = new ManualClock()
      const gate = new Gate(1, clock)
      const lookUp = (ms: number) => gate.run(ample(clock), false, async () => clock.freeze(ms))
      for (const ms of past.slice(0, -1)) await lookUp(ms)
      const last = past.at(-1) ?? 0
      let end = () => {}
      const work = () => new Promise<void>((resolve) => (end = resolve))
      const slow = gate.run(ample(clock), false, work)
      const waiting = gate.run(new SharedTimeLimit(clock, last + left), false, async () => 'enters')
      clock.freeze(last)
      end()
      await slow
      const refused = (error: unknown) => error instanceof GateFullError && 'is refused'
      assert.equal(await waiting.catch(refused), outcome)
    })
  }

  it('rejects a visitor that still waits when its time is over', async () => {
    const { gate, clock, end } = occupied()
    const waiting = assert.rejects(
      gate.run(new SharedTimeLimit(clock, 100), false, async () => {}),
      { name: 'TimeLimitError' },
    )
    await clock.advance(100)
    await waiting
    assert.deepEqual([gate.size, gate.waiting], [1, 0])
    await end()
  })

  it('gives no place of those whose time is over to others whose time is over as well', async () => {
    const clock = new ManualClock()
    const gate = new Gate(1, clock)
    const limit = new SharedTimeLimit(clock, 100)
    const entered: string[] = []
    const all = ['first', 'second'].map((name) =>
      gate.run(limit, false, () => {
        entered.push(name)
        return new Promise(() => {})
      }),
    )
    const outcomes = Promise.allSettled(all)
    await clock.advance(100)
    assert.deepEqual(
      (await outcomes).map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    await settle()
    assert.deepEqual([entered, gate.size], [['first'], 0])
  })

  it('takes work that throws at once for work that failed', async () => {
    const clock = new ManualClock()
    const gate = new Gate(1, clock)
    const throwing = () => {
      throw new RangeError('at once')
    }
    await assert.rejects(gate.run(ample(clock), false, throwing), RangeError)
    assert.equal(gate.size, 0)
    assert.equal(clock.pendingTimers, 0)
  })

  it('keeps no timer for a visitor that it refuses', async () => {
    const { gate, end } = occupied()
    const clock = new ManualClock()
    const all = Array.from({ length: 10_001 }, () =>
      gate.run(new SharedTimeLimit(clock, 100), false, async () => {}),
    )
    const [first, ...rest] = all
    await assert.rejects(first as Promise<void>, GateFullError)
    assert.equal(clock.pendingTimers, 10_000)
    await Promise.all([end(), ...rest])
    assert.equal(clock.pendingTimers, 0)
  })
})
