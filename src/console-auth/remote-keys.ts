/**
 * Clerk's key set, kept current: one fetch at a time, none sooner than a cool-down after the last, each within a time
 * limit. The set is replaced as a whole, so a key that Clerk withdrew is gone here, too.
 *
 * Written here because what exists lacks parts of it: the Backend client fetches for each unknown `kid`, without a time
 * limit, and never drops a key; jose's `createRemoteJWKSet` has neither use of the last good set while Clerk is down,
 * nor a cool-down after failures, nor a sign that a key is gone.
 */
import type { JsonWebKey } from 'node:crypto'
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
  /** Monotonic milliseconds. */
  now?: () => number
}

export class RemoteKeys {
  readonly #options: RemoteKeysOptions
  readonly #now: () => number
  #keys: KeySet = new Map()
  #fetchedAt = -Infinity
  #attemptedAt = -Infinity
  /** Why the last attempt failed, if it did. */
  #failure: Error | undefined
  #pending: Promise<void> | undefined
  #abort: AbortController | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
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
    if (this.#failure === undefined || !this.#isUsable(kid)) await attempt
    if (this.#failure === undefined || this.#isUsable(kid)) return this.#keys.get(kid)
    throw this.#failure
  }

  /** Ends a fetch that is under way. */
  close(): void {
    this.#abort?.abort(new Error('the app is closing'))
  }

  #isCurrent(): boolean {
    return this.#now() - this.#fetchedAt < this.#options.maxAge
  }

  #isUsable(kid: string): boolean {
    const { maxAge, staleIfError } = this.#options
    return this.#keys.has(kid) && this.#now() - this.#fetchedAt < maxAge + staleIfError
  }

  /** Never rejects. Does nothing if it is too soon. */
  #refresh(): Promise<void> | undefined {
    if (this.#pending !== undefined) return this.#pending
    const wait = this.#failure !== undefined ? RETRY_AFTER_FAILURE : this.#options.cooldown
    const tooSoon = this.#now() - this.#attemptedAt < wait
    // A set past its age is fetched even within the cool-down, which is there for sets that are current.
    if (tooSoon && (this.#failure !== undefined || this.#isCurrent())) return undefined
    this.#pending = this.#attempt().finally(() => {
      this.#attemptedAt = this.#now()
      this.#pending = undefined
    })
    return this.#pending
  }

  async #attempt(): Promise<void> {
    const { fetch, timeout, onWithdrawal, onFailure } = this.#options
    const abort = new AbortController()
    this.#abort = abort
    const timer = setTimeout(
      () => abort.abort(new Error(`Clerk's key set did not come within ${timeout} ms`)),
      timeout,
    )
    try {
      const keys = await fetch(abort.signal)
      const withdrawn = [...this.#keys].some(([kid, key]) => keys.get(kid)?.n !== key.n)
      this.#keys = keys
      this.#fetchedAt = this.#now()
      this.#failure = undefined
      if (withdrawn) onWithdrawal()
    } catch (error) {
      const first = this.#failure === undefined
      this.#failure = error as Error
      if (first) onFailure(error)
    } finally {
      clearTimeout(timer)
    }
  }
}
