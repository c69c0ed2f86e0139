/**
 * Caps how many look-ups a store sees at once, so that neither a flood of unknown keys nor a cache that has gone cold
 * becomes a flood of reads.
 */

/** How many may wait for their turn. Each waits no longer than its own time limit; beyond this, refused at once. */
const MAX_WAITING = 10_000

export class GateFullError extends Error {
  override readonly name = 'GateFullError'
  constructor() {
    super('too many look-ups are waiting for the store')
  }
}

export class Gate {
  readonly #limit: number
  #taken = 0
  /** In order of arrival. A Set, so that one that gives up leaves in constant time. */
  readonly #waiting = new Set<() => void>()
  readonly #emptied: (() => void)[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** How many are inside or wait. */
  get size(): number {
    return this.#taken + this.#waiting.size
  }

  /** Settles when nobody is inside and nobody waits. */
  get empty(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve))
  }

  /**
   * Runs `work` when it is its turn. The place is free again when `work` settles or the signal aborts, whichever comes
   * first: work that ignores the signal must not hold a place for ever.
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#limit) this.#taken++
    else await this.#turn(signal)

    let inside = true
    const leave = () => {
      if (inside) this.#handOver()
      inside = false
    }
    // Where one time limit is over, others often are in the same instant: those must not be handed the place first.
    const leaveLater = () => void setImmediate(leave)
    signal.addEventListener('abort', leaveLater, { once: true })
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      signal.removeEventListener('abort', leaveLater)
      if (signal.aborted) leaveLater()
      else leave()
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) return Promise.reject(new GateFullError())
    return new Promise((resolve, reject) => {
      const proceed = () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = () => {
        this.#waiting.delete(proceed)
        reject(signal.reason as Error)
      }
      this.#waiting.add(proceed)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** The place goes to the next in line without ever being free, so that nobody who comes just now can slip in. */
  #handOver(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#taken--
      if (this.size === 0) for (const emptied of this.#emptied.splice(0)) emptied()
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
