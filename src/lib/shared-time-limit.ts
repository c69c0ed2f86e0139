/** A time limit for work that often begins at the same moment: one timer and one signal for all of it. */
import { setMaxListeners } from 'node:events'
import { bothClocks, type Clock, type Moment, type Timer } from './clock.ts'
import { isOver, TimeLimitError } from './time-limit.ts'

/** Milliseconds. Work that begins less than this after the first shares its time limit. */
const SAME_MOMENT = 1

export class SharedTimeLimit {
  readonly #clock: Clock
  readonly #ms: number
  #round: Round | undefined

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** Like `withTimeLimit`, but other work shares the signal. `work` must reject rather than throw. */
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#round?.isOpen(this.#clock.now()) !== true) this.#round = new Round(this.#clock, this.#ms)
    return this.#round.run(work)
  }
}

class Round {
  readonly #clock: Clock
  readonly #ms: number
  readonly #since: Moment
  readonly #timer: Timer
  readonly #abort = new AbortController()
  readonly #rejects = new Set<(reason: unknown) => void>()
  #isClosed = false

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
    this.#since = bothClocks(clock)
    this.#timer = clock.setTimer(() => this.#giveUp(), ms)
    // Custom stores may add a listener for each look-up.
    setMaxListeners(0, this.#abort.signal)
  }

  isOpen(now: number): boolean {
    return !this.#isClosed && now - this.#since.now < SAME_MOMENT
  }

  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject)
      work(this.#abort.signal).then(
        (answer) => {
          if (isOver(this.#clock, this.#since, this.#ms)) this.#giveUp()
          this.#end(reject)
          resolve(answer)
        },
        (error: unknown) => {
          this.#end(reject)
          reject(error)
        },
      )
    })
  }

  #end(reject: (reason: unknown) => void): void {
    this.#rejects.delete(reject)
    if (this.#rejects.size > 0) return
    this.#isClosed = true
    this.#timer.cancel()
  }

  #giveUp(): void {
    const reason = new TimeLimitError(this.#ms)
    this.#isClosed = true
    for (const reject of this.#rejects) reject(reason)
    this.#abort.abort(reason)
  }
}
