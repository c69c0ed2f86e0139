/**
 * Limits how many look-ups a store sees at once, so that neither a flood of unknown keys nor a cold cache becomes a
 * flood of reads.
 *
 * Anyone can make up keys that reach the store. So *strangers* never go before *regulars*, whose key was good a moment
 * ago: a quarter of the places is reserved for regulars, and each free place goes to them first. The newest look-up has
 * the most time left, so it goes first. A look-up that can no longer finish in time is refused without a read. Under
 * overload, the store therefore spends its time on look-ups that still get their answer.
 */
import type { Clock } from '../lib/clock.ts'
import { onAbort } from '../lib/on-abort.ts'

/** How many of each kind may wait for their turn. When another arrives, the oldest one is refused. */
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
  /** Monotonic milliseconds after which the answer is of no use. */
  deadline: number
}

interface Waiting {
  readonly deadline: number
  /** With more than this many milliseconds left it may go in, however long recent look-ups have taken. */
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
  /** Smoothed duration of recent look-ups in milliseconds. 0 before the first one has ended. */
  #takes = 0

  /** @param limit number of places. With only one, strangers may take it too */
  constructor(limit: number, clock: Clock) {
    this.#limit = limit
    this.#strangersLimit = Math.max(1, limit - Math.ceil(limit / 4))
    this.#clock = clock
  }

  /** How many are inside or waiting. */
  get size(): number {
    return this.#inside + this.waiting
  }

  get waiting(): number {
    return this.#regulars.size + this.#strangers.size
  }

  /** Resolves when no look-up is inside or waiting. */
  get empty(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#emptied.push(resolve))
  }

  /**
   * Runs `work` when its turn comes. The place is free again when `work` settles or the signal aborts, whichever comes
   * first: work that ignores the signal must not hold a place forever.
   *
   * @throws `GateFullError` if its turn would come too late
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
    // Time limits often end together. Free the place only after all of them, not for a look-up about to time out.
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
        // One slow answer, such as the first one over a new connection, must not get every look-up refused.
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

  /** Fills free places at once, so that a new arrival cannot slip in. */
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

/** Look-ups that wait, oldest first. */
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

  /** Removes the newest one and returns it. */
  last(): Waiting | undefined {
    for (;;) {
      const last = this.#waiting.pop()
      if (last?.gone !== true) return last
      this.#gone--
    }
  }

  /** Amortized constant time: only marks the entry. Marked ones are cleared out once they are more than half. */
  remove(waiting: Waiting): void {
    waiting.gone = true
    this.#gone++
    if (this.#gone * 2 <= this.#waiting.length) return
    this.#waiting = this.#waiting.filter(({ gone }) => !gone)
    this.#gone = 0
  }
}
