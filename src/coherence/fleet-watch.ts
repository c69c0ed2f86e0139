/**
 * Whether registered instances live, found out without any clock of theirs: by whether their `beats` move.
 *
 * For an instance that would join with another lease or heartbeat than those in the store. It may do so only once nobody
 * runs with the old settings; rows that a crash left behind must not keep it out for ever.
 */
import { TenantAuthError } from '../http/errors.ts'
import { type FleetClock, type FleetMember, patience, systemClock } from './fleet-barrier.ts'

const PAUSE = 50
/** Milliseconds for one attempt to join, whose caller has a time limit as well. */
const ATTEMPT = 3_000

export interface FleetWatchOptions<Member extends FleetMember> {
  /** All rows, read from the primary. */
  readMembers: (signal: AbortSignal) => Promise<Member[]>
  /** Takes rows away, each only where its `beats` are still as given. */
  reap: (members: readonly Member[], signal: AbortSignal) => Promise<void>
  signal: AbortSignal
}

/** Remembers what it saw over several attempts to join, each of which may be shorter than it takes to be certain. */
export class FleetWatch {
  readonly #clock: FleetClock
  readonly #seen = new Map<string, { beats: number; since: number }>()

  constructor(clock: FleetClock = systemClock) {
    this.#clock = clock
  }

  /**
   * Watches until no row is left, reaping those of instances that are certain to serve nothing, or until one is seen to
   * beat.
   *
   * @throws `KEY_STORE_UNAVAILABLE` where it takes longer than one attempt: the next one goes on from here
   * @returns the rows that are left as soon as one of them is alive; none where all are gone
   */
  async untilSettled<Member extends FleetMember>({
    readMembers,
    reap,
    signal,
  }: FleetWatchOptions<Member>): Promise<readonly Member[]> {
    const end = this.#clock.now() + ATTEMPT
    for (;;) {
      const asked = this.#clock.now()
      const members = await readMembers(signal)
      const dead: Member[] = []
      for (const member of members) {
        const { instance, beats, holds } = member
        const last = this.#seen.get(instance)
        if (last === undefined) this.#seen.set(instance, { beats, since: this.#clock.now() })
        else if (last.beats !== beats) {
          this.#seen.delete(instance)
          return members
        } else if (asked - last.since >= patience(holds)) dead.push(member)
      }
      if (dead.length > 0) await reap(dead, signal)
      else if (members.length === 0) return members
      else if (asked >= end) throw undecided(members.length)
      else await this.#clock.sleep(PAUSE, signal)
    }
  }
}

function undecided(count: number): TenantAuthError {
  return new TenantAuthError(
    'KEY_STORE_UNAVAILABLE',
    `Instances with another lease or heartbeat are registered (${count}): waiting until it is certain that they are gone`,
  )
}
