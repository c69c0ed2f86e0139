/**
 * Clerk's key set, kept current: one fetch at a time, none sooner than a cool-down after the last, each within a time
 * limit. The set is replaced as a whole, so a key that Clerk withdrew is gone here, too.
 *
 * Written here because what exists lacks parts of it: the Backend client fetches for each unknown `kid`, without a time
 * limit, and never drops a key; jose's `createRemoteJWKSet` has neither use of the last good set while Clerk is down,
 * nor a cool-down after failures, nor a sign that a key is gone.
 */
import type { JsonWebKey } from 'node:crypto'
import { type Clock, systemClock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { KeySet } from './key-set.ts'

/** Milliseconds between attempts while Clerk does not answer. */
const RETRY_AFTER_FAILURE = 1_000

export interface RemoteKeysOptions {
  fetch: (signal: AbortSignal) => Promise<KeySet>
  /** Milliseconds for a fetch. */
  timeout: number
  /** Milliseconds that a set is taken for current. */
  maxAge: number
  /** Milliseconds beyond `maxAge` that a set is used while Clerk cannot be reached. */
  staleIfError: number
  /** Milliseconds between fetches because of an unknown `kid`: forged tokens must not become requests. */
  cooldown: number
  /** A key was withdrawn or replaced: what it verified is no longer good. */
  onWithdrawal: () => void
  /** The first failure after a success. */
  onFailure: (error: unknown) => void
  clock?: Clock
}

export class RemoteKeys {
  readonly #options: RemoteKeysOptions
  readonly #clock: Clock
  readonly #closing = new AbortController()
  #keys: KeySet = new Map()
  /** On both clocks. */
  #fetchedAt = { now: -Infinity, wall: -Infinity }
  /** When the last attempt ended. */
  #attemptedAt = -Infinity
  /** Why the last attempt failed, if it did. */
  #failure: Error | undefined
  #pending: Promise<void> | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * The key of this id, or `undefined` if Clerk's current set has none.
   *
   * @throws where the set cannot be had, so that nobody knows
   */
  async find(kid: string): Promise<JsonWebKey | undefined> {
    if (this.#isCurrent() && this.#keys.has(kid)) return this.#keys.get(kid)
    const attempt = this.#refresh()
    // While Clerk is failing, a key from the last good set serves at once: no request waits for the time limit.
    if (!this.#isFailing() || !this.#isUsable(kid)) await attempt
    if (this.#failure === undefined || this.#isUsable(kid)) return this.#keys.get(kid)
    throw this.#failure
  }

  /** Ends a fetch that is under way, and begins no other. */
  close(): void {
    this.#closing.abort(new Error('the app is closing'))
  }

  #isCurrent(): boolean {
    return this.#age() < this.#options.maxAge
  }

  #isUsable(kid: string): boolean {
    const { maxAge, staleIfError } = this.#options
    return this.#keys.has(kid) && this.#age() < maxAge + staleIfError
  }

  /** Milliseconds. The wall clock may be set back, and the other one stands still while the machine is suspended. */
  #age(): number {
    const { now, wall } = this.#fetchedAt
    return Math.max(this.#clock.now() - now, this.#clock.wall() - wall)
  }

  /**
   * Whether that is known. An attempt that failed long ago says nothing about now, and a key of that set may have been
   * withdrawn since. Long is: longer than it takes for the next attempt to begin and to fail.
   */
  #isFailing(): boolean {
    const freshFor = RETRY_AFTER_FAILURE + this.#options.timeout
    return this.#failure !== undefined && this.#clock.now() - this.#attemptedAt < freshFor
  }

  /** Never rejects. Does nothing if it is too soon. */
  #refresh(): Promise<void> | undefined {
    if (this.#pending !== undefined) return this.#pending
    const wait = this.#failure !== undefined ? RETRY_AFTER_FAILURE : this.#options.cooldown
    const tooSoon = this.#clock.now() - this.#attemptedAt < wait
    // A set past its age is fetched even within the cool-down, which is there for sets that are current.
    if (tooSoon && (this.#failure !== undefined || this.#isCurrent())) return undefined
    this.#pending = this.#attempt().finally(() => {
      this.#attemptedAt = this.#clock.now()
      this.#pending = undefined
    })
    return this.#pending
  }

  async #attempt(): Promise<void> {
    const { fetch, timeout, onWithdrawal, onFailure } = this.#options
    try {
      const keys = await withTimeLimit(this.#clock, timeout, fetch, this.#closing.signal)
      const withdrawn = [...this.#keys].some(([kid, key]) => !isSame(key, keys.get(kid)))
      this.#keys = keys
      this.#fetchedAt = { now: this.#clock.now(), wall: this.#clock.wall() }
      this.#failure = undefined
      if (withdrawn) onWithdrawal()
    } catch (error) {
      const first = this.#failure === undefined
      this.#failure = error as Error
      if (first) onFailure(error)
    }
  }
}

function isSame(key: JsonWebKey, other: JsonWebKey | undefined): boolean {
  return key.n === other?.n && key.e === other?.e && key.alg === other?.alg
}
