/**
 * What a process knows of the history that the store is in, by the tag that every answer carries.
 *
 * Redis can lose what it has acknowledged: FLUSHALL, a restart without persistence or from an older snapshot, a replica
 * that takes over. The rows of instances go with it, while the instances go on serving what they cached until their
 * leases end. So a confirmation must not take "no row is left to wait for" as an answer while such an instance may live.
 *
 * A history is therefore settled only when somebody has watched its tag for longer than any instance holds:
 * - A tag is never used twice, so a history was born before anybody saw its tag.
 * - An instance whose row was lost had its last proof before that. It asked for the proof earlier still, and serves at
 *   the latest until it asked + holds: before the first sight of the tag + holds.
 * - A later proof needs a row in this history, and confirmations wait for rows.
 *
 * Each process compares durations on its own monotonic clock. Whoever finds the history settled writes so into the
 * store, beside the tag, and so a process that has only just started need not watch for itself. Until then each
 * confirmation waits as if for one more instance, which never answers.
 */
import { patience } from '../../coherence/fleet-barrier.ts'

export class HistoryWatch {
  readonly #now: () => number
  #tag = ''
  /** Monotonic milliseconds. */
  #since = 0
  #longestHold: number

  /** @param lease what any instance holds at the least */
  constructor(lease: number, now: () => number) {
    this.#longestHold = lease
    this.#now = now
  }

  /**
   * Milliseconds: the longest that any instance was seen to hold. Those whose rows were lost are taken to be like those
   * that were seen.
   */
  get longestHold(): number {
    return this.#longestHold
  }

  sawHold(holds: number): void {
    this.#longestHold = Math.max(this.#longestHold, holds)
  }

  /** An answer came that was given in the history of this tag. */
  saw(tag: string): void {
    if (tag === this.#tag) return
    this.#tag = tag
    this.#since = this.#now()
  }

  /** The tag of the present history if it is settled as far as this process has seen for itself, otherwise ''. */
  settledTag(): string {
    return this.#now() - this.#since >= patience(this.#longestHold) ? this.#tag : ''
  }
}
