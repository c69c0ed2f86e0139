/**
 * Keeps Clerk's key set current: one fetch at a time, at most two in a cool-down, each within a time limit. The set is
 * replaced as a whole, so a key that Clerk withdrew is gone here, too.
 *
 * Existing code lacks parts of this. Clerk's Backend client fetches for each unknown `kid`, without a time limit, and never
 * drops a key. jose's `createRemoteJWKSet` does not use the last good set while Clerk is down, has no cool-down after
 * failures, and does not report that a key is gone.
 */
import type { JsonWebKey } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { withTimeLimit } from '../../lib/time-limit.ts'
import { RETRY_AFTER_FAILURE } from './api.ts'
import { isSameKey, type KeySet } from './public-keys.ts'

export interface RemoteKeysOptions {
  fetch: (signal: AbortSignal) => Promise<KeySet>
  /** Milliseconds for a fetch. */
  timeout: number
  /** Milliseconds for which a set is current. */
  maxAge: number
  /** Milliseconds beyond `maxAge` for which a set is used while Clerk cannot be reached. */
  staleIfError: number
  /** Milliseconds in which unknown `kid`s cause at most two fetches: forged tokens must not flood Clerk. */
  cooldown: number
  /** Called when a key was withdrawn or replaced: tokens that it verified are no longer good. */
  onWithdrawal: () => void
  /** Called for the first failure after a success. */
  onFailure: (error: Error) => void
  clock?: Clock
}

export interface RemoteKey {
  readonly key: JsonWebKey
  /** When to call `find()` again, in milliseconds since 1970. */
  readonly until: number
}

/** The set was fetched too recently to fetch it again, and too long ago to prove that a key does not exist. */
export class CoolDownError extends Error {
  override readonly name = 'CoolDownError'
  /** Milliseconds. */
  readonly retryAfter: number

  constructor(retryAfter: number) {
    const limit = Error.stackTraceLimit
    // No stack, because any stranger can cause one.
    Error.stackTraceLimit = 0
    super('the key id is unknown, and it is too soon to fetch the key set again')
    Error.stackTraceLimit = limit
    this.retryAfter = retryAfter
  }
}

export class RemoteKeys {
  readonly #options: RemoteKeysOptions
  readonly #clock: Clock
  readonly #closing = new AbortController()
  #keys: KeySet = new Map()
  /** On both clocks. */
  #fetchedAt = { now: -Infinity, wall: -Infinity }
  /** How many fetches have begun, and which of them returned the set. */
  #begun = 0
  #fetchedBy = 0
  /** When the last attempt ended, and the one before. */
  #attemptedAt = -Infinity
  #attemptedBefore = -Infinity
  /** Why the last attempt failed, if it did. */
  #failure: Error | undefined
  #pending: Promise<void> | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * Returns the key with this id, or `undefined` if a set fetched after the call does not have it.
   *
   * @throws if no such set can be fetched, so the key may or may not exist
   */
  async find(kid: string): Promise<RemoteKey | undefined> {
    const begunBefore = this.#begun
    for (;;) {
      if (this.#isCurrent() && this.#keys.has(kid)) return this.#found(kid)
      if (this.#fetchedBy > begunBefore) return this.#found(kid)
      const attempt = this.#refresh()
      // While Clerk is failing, a key from the last good set serves at once: no request waits for the time limit.
      if (this.#isFailing() && this.#isUsable(kid)) return this.#found(kid)
      if (attempt === undefined && this.#failure === undefined) throw new CoolDownError(this.#coolDownLeft())
      await attempt
      if (this.#failure === undefined) continue
      if (this.#isUsable(kid)) return this.#found(kid)
      throw this.#failure
    }
  }

  /** Whether tokens can be verified now. If the set is not current, begins a fetch, unless it is too soon. */
  isReady(): boolean {
    const { maxAge, staleIfError } = this.#options
    if (!this.#isCurrent()) void this.#refresh()
    return this.#age() < maxAge + staleIfError
  }

  /** Aborts a fetch that is under way, and allows no other. */
  close(): void {
    this.#closing.abort(new Error('the app is closing'))
  }

  #found(kid: string): RemoteKey | undefined {
    const key = this.#keys.get(kid)
    if (key === undefined) return undefined
    const { maxAge, staleIfError } = this.#options
    const end = this.#fetchedAt.wall + maxAge
    if (this.#failure === undefined) return { key, until: end }
    // Clerk is failing: the key is good past its age, until the next attempt.
    const asked = Math.min(this.#clock.wall() + RETRY_AFTER_FAILURE, end + staleIfError)
    return { key, until: Math.max(end, asked) }
  }

  #isCurrent(): boolean {
    return this.#age() < this.#options.maxAge
  }

  #isUsable(kid: string): boolean {
    const { maxAge, staleIfError } = this.#options
    return this.#keys.has(kid) && this.#age() < maxAge + staleIfError
  }

  /** Milliseconds. The wall clock may be set back, and the monotonic one stands still while the machine is suspended. */
  #age(): number {
    const { now, wall } = this.#fetchedAt
    return Math.max(this.#clock.now() - now, this.#clock.wall() - wall)
  }

  /**
   * Whether Clerk is known to be failing now. An attempt that failed long ago proves nothing, and Clerk may have withdrawn a
   * key of the set since. "Long" is longer than the next attempt takes to begin and to fail.
   */
  #isFailing(): boolean {
    const freshFor = RETRY_AFTER_FAILURE + this.#options.timeout
    return this.#failure !== undefined && this.#clock.now() - this.#attemptedAt < freshFor
  }

  /**
   * Milliseconds that are left of the cool-down. It counts from the attempt before the last one, because the last may
   * have been made only for the age of the set, just before Clerk rotated its key.
   */
  #coolDownLeft(): number {
    return this.#attemptedBefore + this.#options.cooldown - this.#clock.now()
  }

  /** Never rejects. Does nothing if it is too soon. */
  #refresh(): Promise<void> | undefined {
    if (this.#pending !== undefined) return this.#pending
    const isTooSoon =
      this.#failure === undefined
        ? // The cool-down is only for a current set: one past its age is fetched at once.
          this.#isCurrent() && this.#coolDownLeft() > 0
        : this.#clock.now() - this.#attemptedAt < RETRY_AFTER_FAILURE
    if (isTooSoon) return undefined
    this.#pending = this.#attempt().finally(() => {
      this.#attemptedBefore = this.#attemptedAt
      this.#attemptedAt = this.#clock.now()
      this.#pending = undefined
    })
    return this.#pending
  }

  async #attempt(): Promise<void> {
    const { fetch, timeout, onWithdrawal, onFailure } = this.#options
    const number = ++this.#begun
    try {
      const keys = await withTimeLimit(this.#clock, timeout, fetch, this.#closing.signal)
      const withdrawn = [...this.#keys].some(([kid, key]) => !isSameKey(key, keys.get(kid)))
      this.#keys = keys
      this.#fetchedAt = { now: this.#clock.now(), wall: this.#clock.wall() }
      this.#fetchedBy = number
      this.#failure = undefined
      if (withdrawn) onWithdrawal()
    } catch (error) {
      const first = this.#failure === undefined
      this.#failure = error instanceof Error ? error : new Error('fetch threw something that is not an Error')
      if (first) onFailure(this.#failure)
    }
  }
}
