/** One cache's share of the membership of its process, which has one for all of its caches. */
import type { FleetMembership, FleetSubscriber } from '../stores/coherent-key-store.ts'
import type { FleetMember } from './fleet-member.ts'
import type { ConfirmationStats, FleetState, FleetStats } from './fleet-report.ts'
import type { Lease } from './lease.ts'

interface CacheMembershipOptions {
  lease: Lease
  member: FleetMember
  start: () => Promise<void>
  leave: () => Promise<void>
  confirmations: ConfirmationStats
}

export class CacheMembership implements FleetMembership {
  readonly subscriber: FleetSubscriber
  readonly #options: CacheMembershipOptions
  #holds: boolean

  constructor(subscriber: FleetSubscriber, options: CacheMembershipOptions) {
    this.subscriber = subscriber
    this.#options = options
    this.#holds = subscriber.staleIfError === 0
  }

  get lease(): Lease {
    return this.#options.lease
  }

  get state(): FleetState {
    return this.#options.member.state
  }

  get joined(): boolean {
    return this.#options.member.joined
  }

  get cause(): unknown {
    return this.#options.member.cause
  }

  get staleIfError(): number {
    return this.#holds ? this.subscriber.staleIfError : 0
  }

  get isWaitingToHold(): boolean {
    return !this.#holds
  }

  /**
   * Called once the row allows `staleIfError` milliseconds beyond the lease. Drops what was read before: a
   * confirmation of a change since then may have read the row as it was.
   */
  holdsUpTo(staleIfError: number): void {
    if (this.#holds || this.subscriber.staleIfError > staleIfError) return
    this.subscriber.onReset()
    this.#holds = true
  }

  start(): Promise<void> {
    return this.#options.start()
  }

  close(): Promise<void> {
    return this.#options.leave()
  }

  stats(): FleetStats {
    const { member, confirmations } = this.#options
    return { ...member.stats(), confirmations: structuredClone(confirmations) }
  }
}
