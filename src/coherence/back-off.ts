/**
 * How long an instance that has lost its connection waits before it tries again.
 *
 * A store that cannot keep up with those who come back is asked less and less often, and not by all of them at once. Two
 * heartbeats in a row may be lost within a lease of four: the first two attempts do not wait for long.
 */

/** Milliseconds between two attempts, at most. */
const LONGEST = 10_000

export class BackOff {
  readonly #heartbeat: number
  readonly #random: () => number
  /** How often it has had to come back since a connection last lived through a heartbeat. */
  #failures = 0

  /**
   * @param heartbeat milliseconds
   * @param random from 0 to 1, so that instances that fail together do not come back together
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
