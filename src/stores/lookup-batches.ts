/**
 * Sends look-ups that arrive together to the store together. Those that arrive while a statement is under way form the
 * next statement. A look-up that arrives alone is sent at once.
 *
 * They share the round trip to the store, and nothing else:
 * - A look-up that arrives after a statement was sent is not in it, so no answer is older than its question (3).
 * - Each look-up is given up by its own signal, and a statement when all of its look-ups are given up.
 * - A statement holds up the next one for a moment only, however slow it is (7).
 * - No look-up fails because of another: the statement is repeated in halves until the one to blame fails alone (7).
 */
import { type Clock, systemClock, type Timer } from '../lib/clock.ts'
import { onAbort } from '../lib/on-abort.ts'
import type { StoredKey } from './key-store.ts'

/** The most look-ups in one statement, so that a server that does one thing at a time is soon free for others. */
const MOST = 64
/** Milliseconds for which a statement under way holds up the next one. */
const MOMENT = 20

/** Returns what a statement found for a hash. Throws if that cannot be known for this hash. */
export type Found = (hash: string) => StoredKey | null

export interface LookupBatchesOptions {
  /** Sends one statement. No hash occurs twice. */
  ask(hashes: readonly string[], signal: AbortSignal): Promise<Found>
  /** Whether one of the hashes may have made the statement fail, and not something they share. */
  isOfOne(error: unknown): boolean
  /** Returns what the look-ups of a statement that has failed reject with. Default: its error. */
  toFailure?(error: unknown): unknown
  clock?: Clock
}

export class LookupBatches {
  readonly #options: LookupBatchesOptions
  readonly #clock: Clock
  readonly #waiting: Lookup[] = []
  /** How many statements hold up the next one. */
  #holding = 0
  #isDue = false

  constructor(options: LookupBatchesOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** Rejects with the signal's reason as soon as it is aborted. */
  find(hash: string, signal: AbortSignal): Promise<StoredKey | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Lookup(hash, signal, resolve, reject))
      this.#sendNext()
    })
  }

  /** Sends at the end of this turn of the event loop, so that the look-ups of one turn go together. */
  #sendNext(): void {
    if (this.#isDue || this.#holding > 0 || this.#waiting.length === 0) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      const lookups = this.#waiting.splice(0)
      for (let i = 0; i < lookups.length; i += MOST) {
        void this.#send(lookups.slice(i, i + MOST)).finally(this.#hold())
      }
    })
  }

  /** @returns a function that lets the next statement go. It also runs by itself after a moment */
  #hold(): () => void {
    this.#holding++
    const release = () => {
      if (timer === undefined) return
      timer.cancel()
      timer = undefined
      this.#holding--
      this.#sendNext()
    }
    let timer: Timer | undefined = this.#clock.setTimer(release, MOMENT)
    return release
  }

  async #send(lookups: readonly Lookup[]): Promise<void> {
    const asking = lookups.filter(({ isOver }) => !isOver)
    const hashes = [...new Set(asking.map(({ hash }) => hash))]
    if (hashes.length === 0) return
    try {
      const found = await this.#options.ask(hashes, onceNobodyAsks(asking))
      for (const lookup of asking) lookup.settle(found)
    } catch (error) {
      if (hashes.length > 1 && this.#options.isOfOne(error)) {
        const half = new Set(hashes.slice(hashes.length / 2))
        const isIn = ({ hash }: Lookup) => half.has(hash)
        await Promise.all([
          this.#send(asking.filter(isIn)),
          this.#send(asking.filter((lookup) => !isIn(lookup))),
        ])
      } else {
        const failure = this.#options.toFailure?.(error) ?? error
        for (const lookup of asking) lookup.fail(failure)
      }
    }
  }
}

class Lookup {
  readonly hash: string
  isOver = false
  /** Called when the look-up is given up. */
  onGivenUp = (_reason: unknown): void => {}
  readonly #settled: () => void = () => {}
  readonly #resolve: (found: StoredKey | null) => void
  readonly #reject: (error: unknown) => void

  constructor(
    hash: string,
    signal: AbortSignal,
    resolve: (found: StoredKey | null) => void,
    reject: (error: unknown) => void,
  ) {
    this.hash = hash
    this.#resolve = resolve
    this.#reject = reject
    const giveUp = () => {
      this.fail(signal.reason)
      this.onGivenUp(signal.reason)
    }
    if (signal.aborted) giveUp()
    else this.#settled = onAbort(signal, giveUp)
  }

  settle(found: Found): void {
    this.#end()
    try {
      this.#resolve(found(this.hash))
    } catch (error) {
      this.#reject(error)
    }
  }

  fail(error: unknown): void {
    this.#end()
    this.#reject(error)
  }

  #end(): void {
    this.isOver = true
    this.#settled()
  }
}

/** A signal that aborts when the last of the look-ups is given up. */
function onceNobodyAsks(lookups: readonly Lookup[]): AbortSignal {
  const abort = new AbortController()
  let left = lookups.length
  for (const lookup of lookups) {
    lookup.onGivenUp = (reason) => {
      if (--left === 0) abort.abort(reason)
    }
  }
  return abort.signal
}
