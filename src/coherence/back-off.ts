/**
 * How long an instance that has lost its connection waits before it tries again.
 *
 * An overloaded store gets fewer and fewer attempts, and not from all instances at once. The first two attempts wait
 * only briefly, because an instance may lose two heartbeats in a row within a lease of four heartbeats.
 */

/** Longest wait in milliseconds, unless the heartbeat is longer. */
const LONGEST = 10_000

export class BackOff {
  readonly #heartbeat: number
  readonly #random: () => number
  /** Failures since a connection last survived a heartbeat. */
  #failures = 0

  /**
   * @param heartbeat milliseconds
   * @param random returns 0 to 1, so that instances that fail together do not reconnect together
   */
  constructor(heartbeat: number, random: () => number = Math.random) {
    this.#heartbeat = heartbeat
    this.#random = random
  }

  failed(): void {
    this.#failures++
  }

  worked(): void {
    this.#failures = 0
  }

  /** Milliseconds to wait now. */
  get pause(): number {
    const longest = Math.max(this.#heartbeat, LONGEST)
    return Math.min(this.#heartbeat * 2 ** (this.#failures - 3), longest) * (0.5 + this.#random() / 2)
  }
}
