/**
 * Caps how many look-ups a store sees at once, so that neither a flood of unknown keys nor a cache that has gone cold
 * becomes a flood of reads.
 *
 * Anybody can make keys that reach the store, so *strangers* never stand before *regulars*, whose key was good a moment
 * ago: a quarter of the places is kept for regulars, and every place that becomes free is theirs first. Who came last has
 * the most time left and goes in first, and who can no longer be answered in time does not go in at all: where more come
 * than the store can answer, those it is asked for are answered.
 */
import type { Clock } from '../lib/clock.ts'
import { onAbort } from '../lib/on-abort.ts'

/** How many of either kind may wait for their turn; one more, and the first of them is refused. */
const MAX_WAITING = 10_000

export class GateFullError extends Error {
  override readonly name = 'GateFullError'
  constructor() {
    super('too many look-ups wait for the store: this one could not be answered in time')
  }
}

export interface Visitor {
  /** Whether the key was good a moment ago. */
  regular: boolean
  /** Monotonic milliseconds at which nobody waits for the answer any more. */
  deadline: number
}

interface Waiting {
  readonly deadline: number
  /** Milliseconds before the deadline until which it may go in, however long look-ups take of late. */
  readonly grace: number
  proceed(): void
  refuse(error: unknown): void
  gone: boolean
}

export class Gate {
  readonly #limit: number
  readonly #strangersLimit: number
  readonly #clock: Clock
  readonly #regulars = new Line()
  readonly #strangers = new Line()
  readonly #emptied: (() => void)[] = []
  #inside = 0
  #strangersInside = 0
  /** Milliseconds that look-ups take of late, smoothed. 0 where nothing is known yet. */
  #takes = 0

  /** @param limit places; a single one is everybody's */
  constructor(limit: number, clock: Clock) {
    this.#limit = limit
    this.#strangersLimit = Math.max(1, limit - Math.ceil(limit / 4))
    this.#clock = clock
  }

  /** How many are inside or wait. */
  get size(): number {
    return this.#inside + this.waiting
  }

  get waiting(): number {
    return this.#regulars.size + this.#strangers.size
  }

  /** Settles when nobody is inside and nobody waits. */
  get empty(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve))
  }

  /**
   * Runs `work` when it is its turn. The place is free again when `work` settles or the signal aborts, whichever comes
   * first: work that ignores the signal must not hold a place for ever.
   *
   * @throws `GateFullError` where its turn would come too late
   */
  async run<T>(signal: AbortSignal, { regular, deadline }: Visitor, work: () => Promise<T>): Promise<T> {
    if (this.#hasPlace(regular)) this.#enter(regular)
    else await this.#turn(signal, regular, deadline)

    const began = this.#clock.now()
    let inside = true
    const leave = () => {
      if (!inside) return
      inside = false
      this.#note(this.#clock.now() - began)
      this.#leave(regular)
    }
    // Where one time limit is over, others often are in the same instant: those must not be handed the place first.
    const leaveLater = () => void setImmediate(leave)
    const settled = onAbort(signal, leaveLater)
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      settled()
      if (signal.aborted) leaveLater()
      else leave()
    }
  }

  #hasPlace(regular: boolean): boolean {
    return this.#inside < this.#limit && (regular || this.#strangersInside < this.#strangersLimit)
  }

  #enter(regular: boolean): void {
    this.#inside++
    if (!regular) this.#strangersInside++
  }

  #turn(signal: AbortSignal, regular: boolean, deadline: number): Promise<void> {
    const line = regular ? this.#regulars : this.#strangers
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        line.remove(waiting)
        reject(signal.reason as Error)
      }
      const settled = onAbort(signal, giveUp)
      const waiting: Waiting = {
        deadline,
        // So that one slow answer, such as the first over a connection that is being made, does not send all away.
        grace: (deadline - this.#clock.now()) / 4,
        proceed: () => {
          settled()
          resolve()
        },
        refuse: (error) => {
          settled()
          reject(error)
        },
        gone: false,
      }
      line.add(waiting)
    })
  }

  #leave(regular: boolean): void {
    this.#inside--
    if (!regular) this.#strangersInside--
    this.#admit(this.#regulars, true)
    this.#admit(this.#strangers, false)
    if (this.size === 0) for (const emptied of this.#emptied.splice(0)) emptied()
  }

  /** Hands free places over at once, so that nobody who comes just now can slip in. */
  #admit(line: Line, regular: boolean): void {
    while (this.#hasPlace(regular)) {
      const waiting = line.last()
      if (waiting === undefined) return
      const left = waiting.deadline - this.#clock.now()
      if (left <= Math.min(1.25 * this.#takes, waiting.grace)) {
        waiting.refuse(new GateFullError())
      } else {
        this.#enter(regular)
        waiting.proceed()
      }
    }
  }

  #note(took: number): void {
    this.#takes = this.#takes === 0 ? took : this.#takes + (took - this.#takes) / 8
  }
}

/** Those who wait, in the order in which they came. */
class Line {
  #waiting: Waiting[] = []
  #gone = 0

  get size(): number {
    return this.#waiting.length - this.#gone
  }

  add(waiting: Waiting): void {
    if (this.size >= MAX_WAITING) {
      const first = this.#waiting.find(({ gone }) => !gone) as Waiting
      this.remove(first)
      first.refuse(new GateFullError())
    }
    this.#waiting.push(waiting)
  }

  /** Takes the one that came last out. */
  last(): Waiting | undefined {
    for (;;) {
      const last = this.#waiting.pop()
      if (last?.gone !== true) return last
      this.#gone--
    }
  }

  /** In constant time, all in all: the places are cleared when they are more than half. */
  remove(waiting: Waiting): void {
    waiting.gone = true
    this.#gone++
    if (this.#gone * 2 <= this.#waiting.length) return
    this.#waiting = this.#waiting.filter(({ gone }) => !gone)
    this.#gone = 0
  }
}
