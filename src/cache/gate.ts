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
import type { Limited, SharedTimeLimit } from '../lib/shared-time-limit.ts'

/** How many of each kind may wait for their turn. When another arrives, the oldest one is refused. */
const MAX_WAITING = 10_000

export class GateFullError extends Error {
  override readonly name = 'GateFullError'
  constructor() {
    super('too many look-ups wait for the store: this one could not be answered in time')
  }
}

/** A look-up that waits for its turn or is inside. */
interface Visit extends Limited {
  readonly deadline: number
  /** With more than this many milliseconds left it may go in, however long recent look-ups have taken. */
  readonly grace: number
  enter(): void
  refuse(error: GateFullError): void
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
   * Runs `work` when its turn comes, which may be at once. The place is free again when `work` settles or its time is over,
   * whichever comes first: work that ignores the signal must not hold a place forever.
   *
   * @param limit includes the wait
   * @param regular whether the key was good a moment ago
   * @throws `TimeLimitError`; `GateFullError` if its turn would come too late
   */
  run<T>(limit: SharedTimeLimit, regular: boolean, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = limit.begin()
    const line = regular ? this.#regulars : this.#strangers
    return new Promise((resolve, reject) => {
      let enteredAt: number | undefined
      const leave = () => this.#leave(regular, this.#clock.now() - (enteredAt as number))
      const visit: Visit = {
        deadline: deadline.at,
        // One slow answer, such as the first one over a new connection, must not get every look-up refused.
        grace: (deadline.at - this.#clock.now()) / 4,
        isOver: false,
        enter: () => {
          enteredAt = this.#clock.now()
          begun(work, deadline.signal).then(
            (answer) => {
              if (!deadline.end(visit)) return
              leave()
              resolve(answer)
            },
            (error: unknown) => {
              if (!deadline.leave(visit)) return
              leave()
              reject(error)
            },
          )
        },
        refuse: (error) => {
          deadline.leave(visit)
          reject(error)
        },
        giveUp: (reason) => {
          reject(reason)
          if (enteredAt === undefined) line.lost()
          // Time limits often end together. Free the place only after all of them, not for a look-up about to time out.
          else setImmediate(leave)
        },
      }
      deadline.add(visit)
      if (this.#hasPlace(regular)) this.#enter(regular, visit)
      else line.add(visit)
    })
  }

  #hasPlace(regular: boolean): boolean {
    return this.#inside < this.#limit && (regular || this.#strangersInside < this.#strangersLimit)
  }

  #enter(regular: boolean, visit: Visit): void {
    this.#inside++
    if (!regular) this.#strangersInside++
    visit.enter()
  }

  #leave(regular: boolean, took: number): void {
    this.#takes = this.#takes === 0 ? took : this.#takes + (took - this.#takes) / 8
    this.#inside--
    if (!regular) this.#strangersInside--
    this.#admit(this.#regulars, true)
    this.#admit(this.#strangers, false)
    if (this.size === 0) for (const emptied of this.#emptied.splice(0)) emptied()
  }

  /** Fills free places at once, so that a new arrival cannot slip in. */
  #admit(line: Line, regular: boolean): void {
    while (this.#hasPlace(regular)) {
      const visit = line.last()
      if (visit === undefined) return
      const left = visit.deadline - this.#clock.now()
      if (left <= Math.min(1.25 * this.#takes, visit.grace)) visit.refuse(new GateFullError())
      else this.#enter(regular, visit)
    }
  }
}

/** Begins the work. A store that throws at once has failed like any other. */
function begun<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return Promise.resolve(work(signal))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Look-ups that wait, oldest first. */
class Line {
  #waiting: Visit[] = []
  /** How many of them are over. */
  #over = 0

  get size(): number {
    return this.#waiting.length - this.#over
  }

  add(waiting: Visit): void {
    if (this.size >= MAX_WAITING) {
      this.#waiting.find(({ isOver }) => !isOver)?.refuse(new GateFullError())
      this.lost()
    }
    this.#waiting.push(waiting)
  }

  /** Removes the newest one and returns it. */
  last(): Visit | undefined {
    for (;;) {
      const last = this.#waiting.pop()
      if (last?.isOver !== true) return last
      this.#over--
    }
  }

  /** Notes that one of them is over. Amortized constant time: clears them out once they are more than half. */
  lost(): void {
    this.#over++
    if (this.#over * 2 <= this.#waiting.length) return
    this.#waiting = this.#waiting.filter(({ isOver }) => !isOver)
    this.#over = 0
  }
}
