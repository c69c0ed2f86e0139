/**
 * The coherence of a store that several processes share, built on its driver: one membership for all caches of the
 * process, and the confirmation of writes.
 *
 * ```ts
 * class MyKeyStore implements WritableKeyStore, CoherentKeyStore {
 *   readonly coherence = new Fleet({ driver: new MyDriver(), lease: 2_000, heartbeat: 500 })
 * }
 * ```
 */
import { channel } from 'node:diagnostics_channel'
import { type Clock, systemClock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type {
  Confirmation,
  FleetCoherence,
  FleetMembership,
  FleetSubscriber,
} from '../stores/coherent-key-store.ts'
import { CacheMembership } from './cache-membership.ts'
import type { FleetDriver, FleetView, Position, WriteMark } from './driver.ts'
import { awaitFleet, POLL_LIMIT } from './fleet-barrier.ts'
import { FleetMember } from './fleet-member.ts'
import type { ConfirmationStats, FleetReport, Timings } from './fleet-report.ts'
import { checkFleetTimes } from './fleet-times.ts'
import { Lease } from './lease.ts'
import { SettledWatch } from './settled-watch.ts'
import { SharedRead } from './shared-read.ts'

/** The options of `Fleet`. */
export interface FleetOptions {
  driver: FleetDriver
  /** Milliseconds for which an instance may serve after it has read the epoch. 100 to 600000. */
  lease: number
  /** Milliseconds between heartbeats. 10 to half of the lease. */
  heartbeat: number
  clock?: Clock
}

/** Milliseconds that `start` waits at most. Fastify gives a hook ten seconds, after which the app does not start. */
const START_LIMIT = 5_000

/** Minimum milliseconds between two reports of the same fault of connections. */
const SPOILT_INTERVAL = 10_000
const MOST_WORDS = 100

/** What `fastify-tenant-auth:confirmed` publishes, once for each confirmation. */
export type ConfirmedEvent =
  | (Confirmation & {
      /** Labels of the instances that did not answer and were removed from the roster. */
      reaped: readonly string[]
    })
  | { epoch: number; error: unknown }

export const confirmedChannel = channel('fastify-tenant-auth:confirmed')

/** Implements the `coherence` of a store on the store's `FleetDriver`. Make one for each store. */
export class Fleet implements FleetCoherence {
  readonly kind = 'fleet'
  readonly lease: number
  readonly heartbeat: number
  readonly driver: FleetDriver
  readonly #clock: Clock
  readonly #watch: SettledWatch
  readonly #reads: SharedRead<FleetView>
  readonly #caches = new Set<CacheMembership>()
  #member: FleetMember | undefined
  #release: (() => void) | undefined
  /** What was wrong with connections → when it was last reported, and how often it was seen since. */
  readonly #spoilt = new Map<string, { at: number; count: number }>()
  readonly #confirmations: ConfirmationStats = {
    all: { count: 0, ms: 0 },
    lease: { count: 0, ms: 0 },
    failed: { count: 0, ms: 0 },
    reaped: 0,
    last: null,
  }

  /** @throws `TENANT_AUTH_BAD_OPTION` */
  constructor({ driver, lease, heartbeat, clock = systemClock }: FleetOptions) {
    checkFleetTimes({ lease, heartbeat })
    this.lease = lease
    this.heartbeat = heartbeat
    this.driver = driver
    this.#clock = clock
    this.#watch = new SettledWatch(lease, clock)
    this.#reads = new SharedRead((epoch) =>
      withTimeLimit(clock, POLL_LIMIT, (signal) => driver.readFleet(epoch, signal)),
    )
  }

  /** @throws `TENANT_AUTH_BAD_OPTION` if the store has no room for a connection that stays open */
  join(subscriber: FleetSubscriber): FleetMembership {
    if (this.#caches.size === 0) this.#release = this.driver.claim?.()
    const lease =
      [...this.#caches][0]?.lease ?? new Lease(-Infinity, this.#clock, () => this.#clocksJumped(lease))
    const member = (this.#member ??= this.#makeMember(lease))
    const cache: CacheMembership = new CacheMembership(subscriber, {
      lease,
      member,
      start: () => withTimeLimit(this.#clock, START_LIMIT, () => member.start()).catch(() => {}),
      leave: () => this.#leave(cache),
      confirmations: this.#confirmations,
    })
    this.#caches.add(cache)
    // The row must say so before this cache may serve for longer than the others.
    if (cache.isWaitingToHold) member.attachAnew()
    return cache
  }

  #makeMember(lease: Lease): FleetMember {
    const each = (tell: (cache: CacheMembership) => void) => {
      for (const cache of this.#caches) tell(cache)
    }
    return new FleetMember({
      driver: this.driver,
      clock: this.#clock,
      times: { lease: this.lease, heartbeat: this.heartbeat },
      lease,
      watch: this.#watch,
      staleIfError: () => Math.max(0, ...[...this.#caches].map(({ subscriber }) => subscriber.staleIfError)),
      onChanged: (hashes) => each(({ subscriber }) => subscriber.onChanged(hashes)),
      onReset: () => each(({ subscriber }) => subscriber.onReset()),
      onHolds: (holds) => each((cache) => cache.holdsUpTo(holds - this.lease)),
      onReport: (report) => this.#report(report),
    })
  }

  async #leave(cache: CacheMembership): Promise<void> {
    if (!this.#caches.delete(cache) || this.#caches.size > 0) return
    const member = this.#member
    const release = this.#release
    this.#member = undefined
    await member?.close()
    release?.()
  }

  /** An unknown time has passed, so the lease proves nothing any more. */
  #clocksJumped(lease: Lease): void {
    lease.void()
    this.#member?.wake()
  }

  async confirm(mark: WriteMark): Promise<Confirmation> {
    const counts = this.#confirmations
    const start = this.#clock.now()
    const count = (kind: Timings) => {
      kind.count++
      kind.ms += this.#clock.now() - start
    }
    try {
      const { reaped, ...confirmation } = await awaitFleet(mark, {
        driver: this.driver,
        read: (epoch) => this.#reads.read(epoch),
        watch: this.#watch,
        clock: this.#clock,
      })
      count(counts[confirmation.confirmedBy as 'all' | 'lease'])
      counts.reaped += reaped.length
      counts.last = confirmation
      confirmedChannel.publish({ ...confirmation, reaped } satisfies ConfirmedEvent)
      this.#report({ event: 'confirmed', confirmation, reaped })
      return confirmation
    } catch (error) {
      count(counts.failed)
      confirmedChannel.publish({ epoch: mark.epoch, error } satisfies ConfirmedEvent)
      throw error
    }
  }

  /** For the store: notes a write of this process, which need not wait for its push. */
  wrote(epoch: number): void {
    this.#member?.told(epoch)
  }

  /** For the store: a connection was unfit for use and was closed. Each fault is reported at most every ten seconds. */
  spoilt(words: string): void {
    const now = this.#clock.now()
    const last = this.#spoilt.get(words) ?? { at: -Infinity, count: 0 }
    const count = last.count + 1
    const isDue = now - last.at >= SPOILT_INTERVAL
    if (this.#spoilt.size < MOST_WORDS)
      this.#spoilt.set(words, isDue ? { at: now, count: 0 } : { at: last.at, count })
    if (!isDue) return
    this.#report({ event: 'spoilt', words, count })
  }

  #report(report: FleetReport): void {
    for (const { subscriber } of this.#caches) subscriber.onReport?.(report)
  }

  /** For the store: the answer to a look-up must not be older than this. Read it before you send the look-up. */
  get position(): Position | undefined {
    return this.#member?.position
  }

  /**
   * For the store: whether the answer to a look-up is current, by the position that its snapshot has seen.
   *
   * If that is from another history than this instance's, either may be the newer one, so this instance asks first.
   *
   * @param before `position` as it was when the look-up was sent
   */
  async isPresent(seen: Position, before: Position | undefined): Promise<boolean> {
    const member = this.#member
    if (before === undefined) return true
    if (seen.history === before.history) {
      if (seen.epoch > before.epoch) member?.told(seen.epoch)
      return seen.epoch >= before.epoch
    }
    if (member?.position !== undefined && member.position.history !== seen.history) await member.nextRound()
    const { position } = this
    return position === undefined || position.history === seen.history
  }
}
