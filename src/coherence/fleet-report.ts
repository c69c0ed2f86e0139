/** What an operator is told of an instance's membership of the fleet: states, events, figures. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
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
  /** The connection for heartbeats was lost, and is made anew. */
  | { event: 'disconnected'; cause: unknown }
  /**
   * The instance's row is not there any more, so it registers anew: it was silent for longer than it may serve (`reaped`),
   * it went with the history (`lost`), or another process has the same identity, as a copy of a running machine has
   * (`taken`).
   */
  | { event: 'gone'; reason: 'reaped' | 'lost' | 'taken' }
  /** Everything cached was dropped, because the store cannot say what changed. */
  | { event: 'reset'; reason: ResetReason }
  /** Connections that the store was lent were not fit for use: so many since this was last told of. They were closed. */
  | { event: 'spoilt'; words: string; count: number }
  /** This process was stopped so often of late, each time for longer than it may serve: whoever changes a key waits for it. */
  | { event: 'frozen'; count: number }
  /** A change that this process made holds everywhere. `reaped`: the labels of instances that did not answer. */
  | { event: 'confirmed'; confirmation: Confirmation; reaped: readonly string[] }
  /** Changes arrive by heartbeat alone: late by up to the heartbeat interval. */
  | { event: 'push-silent' }
  | { event: 'push-restored' }

/**
 * - `empty-history`: the store has another history, in which nothing has happened yet: it has lost everything, as a Redis
 *   without persistence does when it starts.
 * - `other-history`: another one: data were put back or lost in part, the server was restarted, another one has taken over.
 * - `epoch-went-back`: the same one, earlier.
 * - `gap`: more has changed than is kept, or what would say so was lost.
 * - `unreadable-hashes`: a store of one's own told of changed keys by what is no hash in hexadecimal.
 */
export type ResetReason = 'empty-history' | 'other-history' | 'epoch-went-back' | 'gap' | 'unreadable-hashes'

export interface FleetStats {
  state: FleetState
  /** Milliseconds, 0 where it has lapsed. */
  leaseRemaining: number
  /** Milliseconds since the last beat that was answered, `null` before the first. */
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
  /** How often this process was stopped for longer than it may serve, as on a platform that freezes what is idle. */
  freezes: number
  /** Milliseconds since it was coherent: 0 as long as it is, `null` before the first time. */
  sinceCoherent: number | null
  /** How many instances the fleet had when this one last asked, once a minute; `null` before the first answer. */
  members: number | null
  push: PushStats
  /** Of this process' writes, whichever scope or `KeyManager` made them. */
  confirmations: ConfirmationStats
}

/** So many, which took so many milliseconds in all. Divided, the mean; of two readings, the mean of the time between. */
export interface Timings {
  count: number
  ms: number
}

export interface ConfirmationStats {
  all: Timings
  lease: Timings
  failed: Timings
  /** Instances whose rows were taken away. */
  reaped: number
  last: Confirmation | null
}
