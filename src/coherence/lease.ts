/**
 * Until when cached answers may be used. A lease is compared with the clock on every hit, and no timer ever marks it as
 * over: a process that was stopped answers the requests in its socket buffers before any timer of it runs.
 */
import { bothClocks, type Clock } from '../lib/clock.ts'
import { CLOCK_TOLERANCE } from './fleet-times.ts'

export class Lease {
  /** Monotonic milliseconds. */
  #end: number
  /** Wall minus monotonic time when the lease was granted. */
  #offset: number
  #term = 0
  readonly #clock: Clock
  readonly #onJump: () => void

  /**
   * @param end `Infinity` for a store whose changes all come by a synchronous call, or that is not coherent anyway
   * @param onJump called when the clocks no longer agree, that is, when the machine was suspended or the wall clock set
   */
  constructor(end: number, clock: Clock, onJump: () => void) {
    const { now, wall } = bothClocks(clock)
    this.#end = end
    this.#offset = wall - now
    this.#clock = clock
    this.#onJump = onJump
  }

  get end(): number {
    return this.#end
  }

  /** Raised each time that a lease begins which did not join on to the one before, and when the clocks jump. */
  get term(): number {
    return this.#term
  }

  /**
   * Whether cached answers may be used at this moment. The monotonic clock stands still during a suspension, the wall
   * clock does not: where they have moved apart, an unknown time has passed and nothing can be said of the lease.
   */
  holds(now: number, wall: number): boolean {
    if (isJump(wall - now - this.#offset)) this.#lookAgain()
    return now < this.#end
  }

  /** The process may only have been held up between reading the one clock and the other. */
  #lookAgain(): void {
    const { now, wall } = bothClocks(this.#clock)
    if (!isJump(wall - now - this.#offset)) return
    this.#offset = wall - now
    this.#term++
    this.#onJump()
  }

  /**
   * The lease runs to `end`, on the word of a proof that was asked for when the clocks stood at `asked`.
   *
   * @param now the moment at which the proof is at hand
   */
  extend(end: number, asked: { now: number; wall: number }, now: number): void {
    if (now >= this.#end) this.#term++
    if (end <= this.#end) return
    this.#end = end
    this.#offset = asked.wall - asked.now
  }

  void(): void {
    this.#end = -Infinity
  }
}

function isJump(ms: number): boolean {
  return ms > CLOCK_TOLERANCE || ms < -CLOCK_TOLERANCE
}
