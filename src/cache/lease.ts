/**
 * Until when cached answers may be used. A lease is compared with the clock on every hit, and no timer ever marks it as
 * over: a process that was stopped answers the requests in its socket buffers before any timer of it runs.
 */
import { CLOCK_TOLERANCE } from '../stores/key-store.ts'

export class Lease {
  /** Monotonic milliseconds. */
  #end: number
  /** Wall minus monotonic time when the lease was granted. */
  #offset: number
  #term = 0
  readonly #onJump: () => void

  /**
   * @param end `Infinity` for a store whose changes all come by a synchronous call, or that is not coherent anyway
   * @param onJump called when the clocks no longer agree, that is, when the machine was suspended or the wall clock set
   */
  constructor(end: number, now: number, wall: number, onJump: () => void) {
    this.#end = end
    this.#offset = wall - now
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
    const jump = wall - now - this.#offset
    if (jump > CLOCK_TOLERANCE || jump < -CLOCK_TOLERANCE) {
      this.#offset = wall - now
      this.#term++
      this.#onJump()
    }
    return now < this.#end
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
