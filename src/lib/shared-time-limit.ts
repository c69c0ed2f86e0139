/** A time limit for work that often begins at the same moment: one timer and one signal for all of it. */
import { setMaxListeners } from 'node:events'
import { bothClocks, type Clock, type Moment, type Timer } from './clock.ts'
import { isOver, TimeLimitError } from './time-limit.ts'

/** Milliseconds. Work that begins less than this after the first shares its time limit. */
const SAME_MOMENT = 1

export interface Limited {
  /** Whether it has ended or been given up. Set by its deadline. */
  isOver: boolean
  /** Called when the time is over, before the signal is aborted. */
  giveUp(reason: TimeLimitError): void
}

export class SharedTimeLimit {
  readonly #clock: Clock
  readonly #ms: number
  #latest: Deadline | undefined

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** The deadline of work that begins now. Add the work to it at once. */
  begin(): Deadline {
    if (this.#latest?.isOpen(this.#clock.now()) !== true) this.#latest = new Deadline(this.#clock, this.#ms)
    return this.#latest
  }
}

/** The deadline of work that began together. */
export class Deadline {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly #clock: Clock
  readonly #ms: number
  readonly #since: Moment
  readonly #timer: Timer
  readonly #abort = new AbortController()
  /** All that was added: a list is cheaper than a set, and lives no longer than the time limit. */
  readonly #all: Limited[] = []
  #open = 0
  #isClosed = false

  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
    this.#since = bothClocks(clock)
    this.at = this.#since.now + ms
    this.#timer = clock.setTimer(() => this.#giveUp(), ms)
    // Custom stores may add a listener for each look-up.
    setMaxListeners(0, this.#abort.signal)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  isOpen(now: number): boolean {
    return !this.#isClosed && now - this.#since.now < SAME_MOMENT
  }

  add(work: Limited): void {
    this.#all.push(work)
    this.#open++
  }

  /**
   * For work that has an answer. If the process was held up and reads the answer too late, all the work is given up: no
   * timer runs meanwhile, so the clocks are checked here.
   *
   * @returns whether the work ended in time
   */
  end(work: Limited): boolean {
    if (isOver(this.#clock, this.#since, this.#ms)) this.#giveUp()
    return this.leave(work)
  }

  /**
   * For work that has failed or will not be done.
   *
   * @returns whether it had not been given up
   */
  leave(work: Limited): boolean {
    if (work.isOver) return false
    work.isOver = true
    if (--this.#open === 0) {
      this.#isClosed = true
      this.#timer.cancel()
    }
    return true
  }

  #giveUp(): void {
    const reason = new TimeLimitError(this.#ms)
    for (const work of this.#all) if (this.leave(work)) work.giveUp(reason)
    this.#abort.abort(reason)
  }
}
