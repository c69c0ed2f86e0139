/**
 * Decides whether the rows of the fleet are all that a confirmation must wait for.
 *
 * A store can lose what it has acknowledged: by a failover, a restored dump, `TRUNCATE`, a restart without
 * persistence. It then loses rows of instances that go on serving what they cached until their leases end. So a
 * confirmation must not take "no row is left to wait for" as an answer while such an instance may be alive.
 *
 * A history and its roster are settled only once a process has watched them for longer than any instance holds:
 * - Neither is ever used twice, so both began before the process first saw them, and the rows were lost before that.
 * - An instance whose row was lost had its last proof before the loss. It asked for that proof earlier still, and
 *   serves at the latest until it asked + holds: before the first sight + holds.
 * - A later proof needs a row of this history and roster, and confirmations wait for rows.
 *
 * Each process compares durations on its own monotonic clock. A process that finds them settled notes it in the store,
 * so that a process which has just started need not watch for itself. Until then each confirmation waits as if for one
 * more instance, which never answers.
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

  /** @param lease the least that any instance holds */
  constructor(lease: number, clock: Clock) {
    this.#longestHold = lease
    this.#clock = clock
  }

  /**
   * Milliseconds: the longest that any instance was seen to hold. Instances whose rows were lost are assumed to hold no
   * longer than that.
   */
  get longestHold(): number {
    return this.#longestHold
  }

  /** Monotonic milliseconds at which the history and roster that were seen last become settled. */
  get settledAt(): number {
    return this.#since + patience(this.#longestHold)
  }

  sawHold(holds: number): void {
    this.#longestHold = Math.max(this.#longestHold, holds)
  }

  /**
   * Notes an answer.
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
