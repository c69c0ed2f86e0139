/**
 * The barrier behind a confirmation: wait until every instance has let go of what a write made stale, or may no longer
 * serve it. The same for every store that several processes share; a store brings two queries.
 *
 * Why it is safe. An instance serves until `sent + holds`, where `sent` is when it asked for the epoch. An answer from
 * before the write was asked for before the write was committed, and a confirmation starts after that: so whoever has
 * not seen the write stops at the latest `holds` after the start. An instance that registers later than the first read
 * of the rows asks for the epoch later still, and sees the write. Only durations are compared, each on one monotonic
 * clock: no wall clock and no clock of another machine has a part in it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { TenantAuthError } from '../http/errors.ts'
import { CLOCK_TOLERANCE, type Confirmation } from '../stores/coherent-key-store.ts'

/** An instance's row. */
export interface FleetMember {
  instance: string
  /** The last epoch whose changes it has dropped; -1 where it has acknowledged nothing yet. */
  acknowledged: number
  /** Milliseconds for which it may serve after its last proof. */
  holds: number
  /** Raised by every heartbeat: one that does not move shows an instance that is gone, without any clock. */
  beats: number
}

/** What a write knows of the fleet from its own transaction: enough to wait, should the store fail right after it. */
export interface FleetReach {
  /** At least the longest `holds` of any instance that may have missed the write. */
  holds: number
  instances: number
}

/** Monotonic time in milliseconds. Tests bring their own. */
export interface FleetClock {
  now(): number
  /** Rejects when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<unknown>
}

export interface AwaitFleetOptions {
  /** The epoch of the write. The call must come after the write was committed. */
  epoch: number
  /** All rows, read from the primary, every registration committed before the call among them. */
  readMembers: (signal: AbortSignal) => Promise<FleetMember[]>
  /** Takes rows away, each only where its `beats` are still as given. */
  reap: (members: readonly FleetMember[], signal: AbortSignal) => Promise<void>
  /** For when no read succeeds. */
  reach?: FleetReach | undefined
  /** Milliseconds to go on trying to read where `reach` is not known, before it throws. */
  giveUpAfter: number
  clock?: FleetClock
}

/** Milliseconds that one read may take. Late reads are given up, and the next one tries again. */
export const POLL_LIMIT = 250
/** Milliseconds to go on trying to read at the least, however soon a lease would be over: an answer by all says more. */
const LEAST_TRY = 1_000
const FIRST_PAUSE = 2
const LONGEST_PAUSE = 25
/** Clocks of two machines run at rates that differ by far less than this. */
const RATE_TOLERANCE = 0.01

export const systemClock: FleetClock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }),
}

/** How long to wait until an instance that holds for so many milliseconds has stopped for certain. */
export function patience(holds: number): number {
  return holds * (1 + RATE_TOLERANCE) + CLOCK_TOLERANCE
}

/**
 * Waits until every instance that was registered has acknowledged `epoch` or is gone (`all`), at most until none may
 * serve anything older (`lease`). Instances that gave no sign of life for that whole time are reaped.
 *
 * @throws `KEY_STORE_UNAVAILABLE` where the rows cannot be read and nothing else says how long to wait
 */
export async function awaitFleet(options: AwaitFleetOptions): Promise<Confirmation> {
  const { epoch, readMembers, reach, giveUpAfter, clock = systemClock } = options
  const start = clock.now()
  const waited = () => Math.round((clock.now() - start) * 10) / 10

  let deadline = start + Math.max(LEAST_TRY, reach === undefined ? giveUpAfter : patience(reach.holds))
  /** Those that must see the write: rows of the first read, less those that have acknowledged or are gone. */
  let pending: Map<string, Sighting> | undefined
  let instances = reach?.instances ?? 0
  let cause: unknown

  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE)) {
    try {
      // No read outlasts the wait.
      const limit = Math.max(1, Math.min(POLL_LIMIT, deadline - clock.now()))
      const members = await limited(readMembers, limit, clock)
      const before = pending
      pending = stillPending(members, epoch, before, clock.now())
      if (before === undefined) {
        instances = members.length
        const longest = Math.max(0, ...[...pending.values()].map(({ holds }) => holds))
        // Where the very first attempt succeeds, the wait is counted from its answer and not from the start: then whoever
        // is silent from there to the end was silent for the whole of its time, and may be reaped.
        deadline = (cause === undefined ? clock.now() : start) + patience(longest)
      }
      if (pending.size === 0) return { epoch, confirmedBy: 'all', instances, waitedMs: waited() }
    } catch (error) {
      cause = error
    }
    const left = deadline - clock.now()
    if (left <= 0) break
    await clock.sleep(Math.min(pause, left))
  }

  if (pending === undefined && reach === undefined) {
    throw new TenantAuthError(
      'KEY_STORE_UNAVAILABLE',
      'The write took effect, but the store did not say which instances have yet to see it',
      { cause },
    )
  }
  if (pending !== undefined) await reapSilent(pending, options, clock)
  return { epoch, confirmedBy: 'lease', instances, waitedMs: waited() }
}

/** A row, and since when (at the latest) its `beats` have stood still. */
interface Sighting extends FleetMember {
  since: number
}

function stillPending(
  members: readonly FleetMember[],
  epoch: number,
  before: ReadonlyMap<string, Sighting> | undefined,
  now: number,
): Map<string, Sighting> {
  const pending = new Map<string, Sighting>()
  for (const member of members) {
    const seen = before?.get(member.instance)
    if (member.acknowledged >= epoch || (before !== undefined && seen === undefined)) continue
    pending.set(member.instance, { ...member, since: seen?.beats === member.beats ? seen.since : now })
  }
  return pending
}

/**
 * Takes away the rows of instances that are certain to serve nothing. One that lives after all finds its row gone at its
 * next heartbeat, and starts over. Best effort: what stays is found by the next confirmation.
 */
async function reapSilent(
  pending: ReadonlyMap<string, Sighting>,
  { reap }: AwaitFleetOptions,
  clock: FleetClock,
): Promise<void> {
  const now = clock.now()
  const silent = [...pending.values()].filter(({ since, holds }) => now - since >= patience(holds))
  if (silent.length > 0) await limited((signal) => reap(silent, signal), POLL_LIMIT, clock).catch(() => {})
}

/** Gives work a time limit: after it, the work is aborted and waited for no more. */
async function limited<T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  clock: FleetClock,
): Promise<T> {
  const overdue = new AbortController()
  const done = new AbortController()
  const timer = clock.sleep(ms, done.signal).then(() => {
    const error = new Error(`no answer within ${Math.round(ms)} ms`)
    overdue.abort(error)
    throw error
  })
  try {
    return await Promise.race([work(overdue.signal), timer])
  } finally {
    timer.catch(() => {})
    done.abort()
  }
}
