/** What an operator is told of an instance's membership of the fleet: states, events, figures. */
import type { TenantAuthError } from '../http/errors.ts'
import type { PushStats } from './push-watch.ts'

/**
 * - `cold`: not registered yet. Every look-up asks the store and nothing is cached.
 * - `coherent`: the lease holds, hits are served.
 * - `suspect`: the lease has lapsed. Entries are kept but not used until a beat catches up.
 */
export type FleetState = 'cold' | 'coherent' | 'suspect'

/** What happened to the membership. Each is reported once, with its cause; `from` is the same state where only the cause is new. */
export type FleetReport =
  | { event: 'state'; state: FleetState; from: FleetState; cause?: unknown }
  /**
   * The fleet does not take this instance as it is configured, which was found out after it had started: every look-up
   * asks the store, and it is tried again twice a minute.
   */
  | { event: 'refused'; cause: TenantAuthError }
  /** Everything cached was dropped, because the store cannot say what changed. */
  | { event: 'reset'; reason: ResetReason }
  /** Changes arrive by heartbeat alone: late by up to the heartbeat interval. */
  | { event: 'push-silent' }
  | { event: 'push-restored' }

/** `unreadable-hashes`: a store of one's own told of changed keys by what is no hash in hexadecimal. */
export type ResetReason = 'reaped' | 'other-history' | 'epoch-went-back' | 'gap' | 'unreadable-hashes'

export interface FleetStats {
  state: FleetState
  /** Milliseconds, 0 where it has lapsed. */
  leaseRemaining: number
  /** Milliseconds since the last beat that was answered, `null` before the first. */
  lastHeartbeat: number | null
  epoch: number | null
  resets: number
  push: PushStats
}
