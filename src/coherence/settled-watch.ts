/**
 * Whether the rows of the fleet are all there are to wait for.
 *
 * A store can lose what it has acknowledged: a failover, a dump put back, `TRUNCATE`, a restart without persistence. Rows
 * of instances go with it, while the instances serve what they cached until their leases end. So a confirmation must not
 * take "no row is left to wait for" as an answer while such an instance may live.
 *
 * A history and its roster are settled only when somebody has watched them for longer than any instance holds:
 * - Neither is ever used twice, so both were there before anybody saw them, and the rows were lost before that.
 * - An instance whose row was lost had its last proof before that. It asked for the proof earlier still, and serves at the
 *   latest until it asked + holds: before the first sight + holds.
 * - A later proof needs a row of this history and roster, and confirmations wait for rows.
 *
 * Each process compares durations on its own monotonic clock. Whoever finds them settled has the store note it, so that a
 * process which has only just started need not watch for itself. Until then each confirmation waits as if for one more
 * instance, which never answers.
 */
import type { Clock } from '../lib/clock.ts'
import type { Standing } from './driver.ts'
import { patience } from './fleet-times.ts'

export class SettledWatch {
  readonly #clock: Clock
  #history = ''
  #roster = ''
  /** Monotonic milliseconds. */
  #since = 0
  #longestHold: number

  /** @param lease what any instance holds at the least */
  constructor(lease: number, clock: Clock) {
    this.#longestHold = lease
    this.#clock = clock
  }

  /**
   * Milliseconds: the longest that any instance was seen to hold. Those whose rows were lost are taken to be like those
   * that were seen.
   */
  get longestHold(): number {
    return this.#longestHold
  }

  /** Monotonic milliseconds from which on what was seen last is settled. */
  get settledAt(): number {
    return this.#since + patience(this.#longestHold)
  }

  sawHold(holds: number): void {
    this.#longestHold = Math.max(this.#longestHold, holds)
  }

  /**
   * An answer came.
   *
   * @returns whether its history and roster are settled, by the store's word or by what this process has seen
   */
  saw({ position: { history }, roster, settled, maxHolds }: Standing): boolean {
    const now = this.#clock.now()
    this.sawHold(maxHolds)
    if (history !== this.#history || roster !== this.#roster) {
      this.#history = history
      this.#roster = roster
      this.#since = now
    }
    return settled || now >= this.settledAt
  }
}
