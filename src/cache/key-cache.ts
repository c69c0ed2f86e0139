/**
 * The cache in front of any `KeyStore`: an LRU of good keys, a smaller one of refused ones, and the look-ups under way.
 *
 * `lease.ts` and `fleet-member.ts` make it safe to serve from. The numbers in comments are those of the rules in
 * docs/coherence.md.
 */
import { type FleetMembership, isCoherent } from '../stores/coherent-key-store.ts'
import type { KeyStore } from '../stores/key-store.ts'
import { bothClocks, type Clock, type Moment } from '../lib/clock.ts'
import { digestToHash, hashToDigest, isHash } from '../keys/key-digest.ts'
import { Entries, type EntriesOptions, type Held } from './entries.ts'
import type { FleetReport, FleetStats, Timings } from '../coherence/fleet-report.ts'
import { Gate } from './gate.ts'
import { Lease } from '../coherence/lease.ts'
import { Regulars } from './regulars.ts'
import { SharedTimeLimit } from '../lib/shared-time-limit.ts'
import { isOver, TimeLimitError } from '../lib/time-limit.ts'
import { type Degraded, StoreHealth } from './store-health.ts'
import { isExpired, judge, type KeyEntry, type Verdict } from './verdict.ts'

/** How many good keys to remember if there is no cache to hold them. */
const REGULARS = 10_000
/** Minimum milliseconds between two `onUse` calls for an entry, so that the hot path seldom makes one. */
const NOTE_INTERVAL = 60_000
/** Milliseconds for which a remembered entry may be used before `held` must fetch it again. */
const RENEWAL = 1_000
/** In place of an answer that nobody may join. Rejects, so that a mistake would be a 503 and not a request that hangs. */
const NO_ANSWER = Promise.reject(new Error('the look-up is over'))
NO_ANSWER.catch(() => {})
/** No known key has this hash. */
const NO_HASH = '0'.repeat(64)

export interface CacheLimits extends EntriesOptions {
  /** Milliseconds after which a good key is read again, however often it was used. */
  ttl: number
  /** Milliseconds after the lease or `ttl`, whichever ends first, to serve an entry while the store does not answer. */
  staleIfError: number
}

export interface KeyCacheOptions {
  store: KeyStore
  clock: Clock
  /** `false`: each request asks the store. */
  cache: false | CacheLimits
  /** Milliseconds for one look-up, including the wait for its turn. Must be under the lease of a coherent store. */
  lookupTimeout: number
  maxConcurrentLookups: number
  /** Called at most once a minute for each entry. Each look-up that finds a good key makes a new entry. */
  onUse?: ((keyId: string, wall: number) => void) | undefined
  /** Called with each report for the operator. */
  onReport?: ((report: FleetReport) => void) | undefined
}

/** `refused`: the store says that the key is not good. `failed`: the look-up could not find out. */
export type LookupOutcome = 'good' | 'refused' | 'failed'

/** Counters since start, and what is in memory now. */
export interface KeyCacheStats {
  hits: number
  misses: number
  /** Refusals from memory. */
  negativeHits: number
  /** Look-ups that failed, took too long, or got an answer of the wrong shape. */
  storeErrors: number
  /** Good keys that newer ones pushed out. If this grows, `max` is too small. */
  evictions: number
  /** Entries served although the store did not answer (`staleIfError`). */
  staleHits: number
  cachedKeys: number
  cachedRefusals: number
  pendingLookups: number
  /** How many of the pending ones wait for their turn. */
  waitingLookups: number
  /** Finished look-ups by outcome. Times include the wait for their turn. */
  lookups: Record<LookupOutcome, Timings>
  /** `null` unless a fleet shares the store. */
  fleet: FleetStats | null
  /** Why this instance works less well than it should; `null` if all is well. A look-up's error has no hashes in it. */
  degraded: Degraded | null
}

/** A look-up under way. */
interface Reading {
  readonly sent: Moment
  answer: Promise<Verdict>
  /** Whether its turn has come. */
  hasBegun: boolean
}

export class KeyCache {
  readonly #store: KeyStore
  readonly #clock: Clock
  readonly #options: KeyCacheOptions
  #lease: Lease
  readonly #membership: FleetMembership | undefined
  readonly #unsubscribe: (() => void) | undefined
  readonly #gate: Gate
  readonly #limit: SharedTimeLimit
  readonly #health: StoreHealth
  readonly #entries: Entries | undefined
  /**
   * Look-ups that later requests may join and whose answer may be cached. An invalidation removes a look-up (2). An
   * answer is cached only if its look-up is still in here.
   */
  readonly #pending = new Map<string, Reading>()
  /**
   * Look-ups that wait for their turn. Requests with the same key join, with or without a lease, because the read has
   * yet to begin. So a key takes one place in the line, however many requests use it.
   */
  readonly #waiting = new Map<string, Reading>()
  /** Keys whose look-ups do not wait behind those of strangers. */
  readonly #regulars: Regulars
  readonly #lookups: KeyCacheStats['lookups'] = {
    good: { count: 0, ms: 0 },
    refused: { count: 0, ms: 0 },
    failed: { count: 0, ms: 0 },
  }
  #hits = 0
  #misses = 0
  #negativeHits = 0
  #storeErrors = 0
  #staleHits = 0

  constructor(options: KeyCacheOptions) {
    const { store, clock, cache } = options
    this.#store = store
    this.#clock = clock
    this.#options = options
    this.#gate = new Gate(options.maxConcurrentLookups, clock)
    this.#limit = new SharedTimeLimit(clock, options.lookupTimeout)
    this.#regulars = new Regulars(cache === false ? REGULARS : cache.max)
    if (cache !== false) this.#entries = new Entries(cache, (digest) => this.#regulars.add(digest))
    const coherence = cache !== false && isCoherent(store) ? store.coherence : undefined
    const events = {
      onChanged: (hashes: readonly string[]) => this.#invalidate(hashes),
      onReset: () => this.#reset(),
      onReport: options.onReport,
    }
    if (coherence?.kind === 'fleet') {
      const { staleIfError } = cache as CacheLimits
      this.#membership = coherence.join({ staleIfError, ...events })
      this.#lease = this.#membership.lease
    } else {
      // If the clocks jump, an unknown time has passed, so no time to live can be trusted.
      this.#lease = new Lease(Infinity, clock, () => this.#reset())
      this.#unsubscribe = coherence?.subscribe(events.onChanged)
    }
    this.#health = new StoreHealth({
      clock,
      membership: this.#membership,
      isLocal: this.#unsubscribe !== undefined,
      ask: () => this.#ask(hashToDigest(NO_HASH), bothClocks(this.#clock), false).answer,
    })
  }

  /**
   * Joins the fleet, if there is one. Returns when this instance is coherent, or when its first attempt has failed or
   * takes too long. It then keeps trying, and every request asks the store until it succeeds.
   */
  async start(): Promise<void> {
    await this.#membership?.start()
  }

  /**
   * Leaves the fleet. Nothing is served from memory from here on. Returns when the look-ups under way have ended, each
   * within its time limit, because the requests that wait for them still get their answer.
   */
  async close(): Promise<void> {
    this.#health.close()
    this.#unsubscribe?.()
    this.#lease = new Lease(-Infinity, this.#clock, () => {})
    this.#reset()
    await Promise.all([this.#membership?.close(), this.#gate.empty])
  }

  /** For readiness probes. */
  get ready(): boolean {
    return this.#health.ready
  }

  /** Why requests must ask the store although memory could serve them, or why asking fails; `null` if all is well. */
  get degraded(): Degraded | null {
    return this.#health.degraded
  }

  /** What memory holds for a key, usable or not. Costs one access to a map, two for a refused key. */
  held(digest: string): Held | undefined {
    return this.#entries?.any(digest)
  }

  /**
   * The hot path: a verdict from memory, or `undefined` if the store must be asked. Synchronous.
   *
   * @param remembered whether `held` comes from an earlier call of `held()`. `undefined` then means that you must call
   * it again: the entry may be gone, or due to renew its place among the entries, which serving alone does not do
   */
  serve(held: Held, remembered: boolean): Verdict | undefined {
    const now = this.#clock.now()
    const wall = this.#clock.wall()
    if (!this.#lease.holds(now, wall)) return undefined // (1)
    if (now >= held.until) return undefined // (2) (6)
    if (now - held.renewedAt >= RENEWAL) {
      if (remembered) return undefined // (7)
      held.renewedAt = Math.floor(now)
    }
    const verdict = 'refusal' in held ? held.refusal : this.#use(held, now, wall)
    if (typeof verdict === 'string') this.#negativeHits++
    else this.#hits++
    return verdict
  }

  /** Checks the key's own expiry, on every hit (6). */
  #use(entry: KeyEntry, now: number, wall: number): Verdict {
    if (isExpired(entry, wall)) return 'expired'
    if (now - entry.notedAt >= NOTE_INTERVAL) {
      entry.notedAt = Math.ceil(now)
      this.#options.onUse?.(entry.key.id, wall)
    }
    return entry
  }

  /**
   * Asks the store.
   *
   * One read serves all requests for the same key, but only while the lease holds. Without a lease, an invalidation may
   * not reach this instance, and a read that began before a revocation must not serve a request that came after it.
   *
   * @throws what the store threw, `TimeLimitError`, `GateFullError` or `StoreAnswerError`: the key may be good or not
   */
  async find(digest: string): Promise<Verdict> {
    this.#misses++
    const asked = bothClocks(this.#clock)
    const joinable = this.#entries !== undefined && this.#lease.holds(asked.now, asked.wall)
    const pending = joinable ? this.#pending.get(digest) : undefined
    const joined = pending ?? this.#waiting.get(digest)
    const { answer, sent } = joined ?? this.#ask(digest, asked, joinable)
    try {
      const verdict = await answer
      // If the process was held up, the answer to a question from before a revocation may be read long after it.
      const { lookupTimeout } = this.#options
      if (isOver(this.#clock, sent, lookupTimeout)) throw new TimeLimitError(lookupTimeout)
      if (typeof verdict !== 'string') return this.#use(verdict, this.#clock.now(), this.#clock.wall())
      // The entry was only kept in case the store does not answer.
      this.#entries?.dropGood(digest)
      this.#regulars.delete(digest)
      return verdict
    } catch (error) {
      if (joined === undefined) {
        this.#storeErrors++
        this.#health.failed(error)
      }
      const stale = this.#stale(digest)
      if (stale !== undefined) return stale
      throw error
    }
  }

  /** @param joinable whether later requests may join, and the answer may be cached */
  #ask(digest: string, sent: Moment, joinable: boolean): Reading {
    const reading: Reading = { sent, answer: NO_ANSWER, hasBegun: false }
    reading.answer = this.#lookUp(digest, reading)
    if (!reading.hasBegun) this.#waiting.set(digest, reading)
    if (joinable) this.#pending.set(digest, reading)
    return reading
  }

  async #lookUp(digest: string, reading: Reading): Promise<Verdict> {
    const { cache } = this.#options
    const { term } = this.#lease
    const asked = reading.sent.now
    // Counts from before the read: an entry must not outlive the data it was read from by more than its time to live.
    const until = cache === false ? -1 : Math.floor(asked + cache.ttl)
    const regular = this.#entries?.get(digest) !== undefined || this.#regulars.has(digest)
    let outcome: LookupOutcome = 'failed'
    try {
      const stored = await this.#gate.run(this.#limit, regular, (signal) => {
        this.#begins(digest, reading)
        return this.#store.findByHash(digestToHash(digest), { signal })
      })
      const verdict = judge(stored, this.#clock.wall(), until)
      this.#health.answered()
      outcome = typeof verdict === 'string' ? 'refused' : 'good'
      if (this.#entries === undefined && typeof verdict !== 'string') this.#regulars.add(digest)
      if (this.#pending.get(digest) === reading) this.#keep(digest, verdict, term)
      return verdict
    } finally {
      this.#begins(digest, reading)
      if (this.#pending.get(digest) === reading) this.#pending.delete(digest)
      // Until a full collection, V8 keeps the tables that a map has outgrown, and everything in them.
      reading.answer = NO_ANSWER
      const counted = this.#lookups[outcome]
      counted.count++
      counted.ms += this.#clock.now() - asked
    }
  }

  #begins(digest: string, reading: Reading): void {
    reading.hasBegun = true
    if (this.#waiting.get(digest) === reading) this.#waiting.delete(digest)
  }

  /** Caches a verdict if the lease held from before the read until now (3). */
  #keep(digest: string, verdict: Verdict, term: number): void {
    const now = this.#clock.now()
    if (!this.#lease.holds(now, this.#clock.wall()) || this.#lease.term !== term) return
    this.#entries?.keep(digest, verdict, now)
  }

  /** For a store that does not answer: the entry, if `staleIfError` still allows its use (8). */
  #stale(digest: string): Verdict | undefined {
    const { cache } = this.#options
    const now = this.#clock.now()
    const wall = this.#clock.wall()
    this.#lease.holds(now, wall) // Notices a suspension, after which no entry may be used.
    const entry = this.#entries?.get(digest)
    if (cache === false || entry === undefined) return undefined
    const allowed = this.#membership?.staleIfError ?? cache.staleIfError
    if (allowed === 0 || now >= Math.min(entry.until, this.#lease.end) + allowed) return undefined
    this.#staleHits++
    return this.#use(entry, now, wall)
  }

  /** @param hashes as the store reports them. An unreadable one may mean any key, so it empties the cache */
  #invalidate(hashes: readonly string[]): void {
    if (!Array.isArray(hashes) || !hashes.every(isHash)) {
      this.#reset()
      this.#options.onReport?.({ event: 'reset', reason: 'unreadable-hashes' })
      return
    }
    for (const hash of hashes) {
      const digest = hashToDigest(hash)
      this.#entries?.drop(digest)
      this.#pending.delete(digest)
    }
  }

  #reset(): void {
    this.#entries?.clear()
    this.#pending.clear()
  }

  stats(): KeyCacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      negativeHits: this.#negativeHits,
      storeErrors: this.#storeErrors,
      evictions: this.#entries?.evictions ?? 0,
      staleHits: this.#staleHits,
      cachedKeys: this.#entries?.goodCount ?? 0,
      cachedRefusals: this.#entries?.refusedCount ?? 0,
      pendingLookups: this.#gate.size,
      waitingLookups: this.#gate.waiting,
      lookups: structuredClone(this.#lookups),
      fleet: this.#membership?.stats() ?? null,
      degraded: this.degraded,
    }
  }
}
