/**
 * Until when cached answers may be used. A lease is compared with the clock on every hit. No timer ends it, because a
 * process that was stopped answers the requests in its socket buffers before any of its timers runs.
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
   * @param end `Infinity` for a store that reports all changes by a synchronous call, or that is not coherent anyway
   * @param onJump called when the clocks no longer agree: the machine was suspended, or the wall clock was set
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

  /** Raised each time that a lease begins after the previous one had ended, and when the clocks jump. */
  get term(): number {
    return this.#term
  }

  /**
   * Whether cached answers may be used now. The monotonic clock stands still during a suspension, the wall clock does
   * not. If they have moved apart, an unknown time has passed, and the lease proves nothing.
   */
  holds(now: number, wall: number): boolean {
    if (isJump(wall - now - this.#offset)) this.#lookAgain()
    return now < this.#end
  }

  /** Reads both clocks again: the process may only have been held up between the two reads. */
  #lookAgain(): void {
    const { now, wall } = bothClocks(this.#clock)
    if (!isJump(wall - now - this.#offset)) return
    this.#offset = wall - now
    this.#term++
    this.#onJump()
  }

  /**
   * Extends the lease to `end`, on a proof that was requested when the clocks stood at `asked`.
   *
   * @param now when the proof arrived
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
