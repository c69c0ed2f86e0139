/** What an operator learns about an instance's membership of the fleet: states, events, figures. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { PushStats } from './push-watch.ts'

/**
 * - `cold`: not registered yet. Every request asks the store and nothing is cached.
 * - `coherent`: the lease holds, hits are served.
 * - `suspect`: the lease has lapsed. Entries are kept but not used until a beat catches up.
 */
export type FleetState = 'cold' | 'coherent' | 'suspect'

/** What happened to the membership. Reported once, with its cause. If only the cause is new, `from` equals `state`. */
export type FleetReport =
  | { event: 'state'; state: FleetState; from: FleetState; cause?: unknown }
  /** The connection for heartbeats was lost: the instance reconnects. */
  | { event: 'disconnected'; cause: unknown }
  /**
   * The instance has lost its row, so it registers again. `reaped`: it was silent for longer than it may serve.
   * `lost`: the row went with the history. `taken`: another process has the same identity, as a copy of a running
   * machine does.
   */
  | { event: 'gone'; reason: 'reaped' | 'lost' | 'taken' }
  /** Everything cached was dropped, because the store cannot say what changed. */
  | { event: 'reset'; reason: ResetReason }
  /** Connections of the store's pool or client were unfit for use and were closed: `count` since the last report. */
  | { event: 'spoilt'; words: string; count: number }
  /** This process was stopped `count` times in ten minutes, longer than its lease each time: changes wait for it. */
  | { event: 'frozen'; count: number }
  /** A change that this process made holds everywhere. `reaped`: the labels of instances that did not answer. */
  | { event: 'confirmed'; confirmation: Confirmation; reaped: readonly string[] }
  /** Changes arrive only by heartbeat: up to one heartbeat interval late. */
  | { event: 'push-silent' }
  | { event: 'push-restored' }

/**
 * - `empty-history`: the store has another history, in which nothing has happened yet. It has lost everything, as a
 *   Redis without persistence does when it starts.
 * - `other-history`: the store has another history. Data was restored or partly lost, the server was restarted, or
 *   another one took over.
 * - `epoch-went-back`: the same history, at an earlier epoch.
 * - `gap`: more has changed than the store keeps, or its record of that was lost.
 * - `unreadable-hashes`: a custom store reported changed keys by something other than hexadecimal hashes.
 */
export type ResetReason = 'empty-history' | 'other-history' | 'epoch-went-back' | 'gap' | 'unreadable-hashes'

/** The membership of the fleet in figures: `stats().fleet`. Counters count since start. */
export interface FleetStats {
  state: FleetState
  /** Milliseconds, 0 if the lease has lapsed. */
  leaseRemaining: number
  /** Milliseconds since the store last answered a beat, `null` before the first answer. */
  lastHeartbeat: number | null
  epoch: number | null
  /** How often everything cached was dropped. */
  resets: number
  /** How often the connection for heartbeats was lost. */
  reconnects: number
  /** Heartbeats that failed. */
  failedBeats: number
  /** How often the instance's row was gone. */
  gone: number
  /** How often this process was stopped for longer than its lease, as on a platform that freezes idle processes. */
  freezes: number
  /** Milliseconds since it was last coherent: 0 while it is, `null` before the first time. */
  sinceCoherent: number | null
  /** How many instances the fleet had when this one last asked, once a minute; `null` before the first answer. */
  members: number | null
  push: PushStats
  /** Of all writes of this process, whichever scope or `KeyManager` made them. */
  confirmations: ConfirmationStats
}

/** A count and its total milliseconds. Divide for the mean; divide the differences of two readings for a recent mean. */
export interface Timings {
  count: number
  ms: number
}

export interface ConfirmationStats {
  all: Timings
  lease: Timings
  failed: Timings
  /** Instances whose rows were deleted. */
  reaped: number
  last: Confirmation | null
}
