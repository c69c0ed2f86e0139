/** The coherence side of a store: what keeps a cache in front of it coherent, in one process or on a fleet. */
import type { FleetReport, FleetState, FleetStats } from '../coherence/fleet-report.ts'
import type { FleetDriver, WriteMark } from '../coherence/driver.ts'
import type { Lease } from '../coherence/lease.ts'
import { badOption } from '../http/errors.ts'
import type { KeyStore } from './key-store.ts'

/** What is known about the reach of a write. */
export interface Confirmation {
  /** The epoch of the write. */
  epoch: number
  /**
   * - `all`: every instance has acknowledged the write.
   * - `lease`: some instances have not, but the time for which they may serve without an answer of the store has ended.
   * - `none`: nothing is known. The store is not coherent, and caches keep what they have until its time to live ends.
   *   Or, after a rotation only, the store failed before it could say more.
   */
  confirmedBy: 'all' | 'lease' | 'none'
  /** How many instances had to see the write. */
  instances: number
  /** Milliseconds that the confirmation took. */
  waitedMs: number
}

/** The coherence of a store whose every change happens in this process: a plain synchronous call is enough. */
export interface LocalCoherence {
  readonly kind: 'local'
  /**
   * Calls `listener` with the hashes that a write affects, after the write and before anyone can learn of it: in the
   * same turn as the write, before its promise is fulfilled. A rotation affects two keys, a change of a tenant all of
   * its keys, recorded use none.
   *
   * @param listener must return at once and must not throw
   * @returns a function that ends the subscription. Idempotent
   */
  subscribe(listener: (hashes: readonly string[]) => void): () => void
  /** Confirms that every cache of this process knows of the write. */
  confirm(mark: WriteMark): Promise<Confirmation>
}

/**
 * A cache in front of the store, which must learn what changes. Its functions must return at once and must not throw.
 */
export interface FleetSubscriber {
  /** Milliseconds beyond the lease for which the cache wants to serve while the store does not answer. */
  staleIfError: number
  /** Drop these keys: they have changed. */
  onChanged(hashes: readonly string[]): void
  /** Drop everything. */
  onReset(): void
  /** Called for each change of state and each event of the membership. */
  onReport?: ((report: FleetReport) => void) | undefined
}

/** A cache's share of the membership. Each process has one membership for each store. */
export interface FleetMembership {
  /** Until when the cache may use its answers. All caches of the process share it. */
  readonly lease: Lease
  readonly state: FleetState
  /** Whether this instance has ever been coherent, and is not closing. */
  readonly joined: boolean
  /** Why the last heartbeat failed, if it did. */
  readonly cause: unknown
  /** Milliseconds beyond the lease for which this cache may serve: 0 until the store has recorded it. */
  readonly staleIfError: number
  /** Returns when the first heartbeat has succeeded or failed, and after five seconds at the latest. */
  start(): Promise<void>
  /** Ends the subscription. The last one to end takes the instance off the roster, within a second. */
  close(): Promise<void>
  /** The state, the last heartbeat, the epoch, and counters since start. */
  stats(): FleetStats
}

/** The coherence of a store that several processes share. `Fleet` implements it over the store's `FleetDriver`. */
export interface FleetCoherence {
  readonly kind: 'fleet'
  /** T: milliseconds for which an instance may serve after it has read the epoch. */
  readonly lease: number
  /** H: milliseconds between heartbeats. */
  readonly heartbeat: number
  /** The driver that it runs on, for `coherenceContract`. */
  readonly driver: FleetDriver
  /** Adds a cache to the membership of this process. The first one makes the process an instance. */
  join(subscriber: FleetSubscriber): FleetMembership
  /**
   * Returns when every registered instance has acknowledged the write, or may no longer serve anything older. It sets
   * its own time limit, from the longest `holds`, because the caller does not know that one.
   */
  confirm(mark: WriteMark): Promise<Confirmation>
}

/** A store that tells a cache what changed. */
export interface CoherentKeyStore extends KeyStore {
  readonly coherence: LocalCoherence | FleetCoherence
}

/** Whether a store has the coherence side. */
export function isCoherent(store: KeyStore): store is CoherentKeyStore {
  const candidate: Partial<CoherentKeyStore> = store
  return candidate.coherence !== undefined
}

/**
 * Checks the coherence side of a store, if it has one. Without this check, an incomplete one would only show when a
 * revoked key is still accepted.
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function checkCoherence(store: KeyStore): void {
  if (!isCoherent(store)) return
  // Users of plain JavaScript may pass anything here.
  const given: unknown = store.coherence
  const coherence = (given ?? {}) as Partial<Record<keyof LocalCoherence | keyof FleetCoherence, unknown>>
  const { kind, subscribe, join, confirm, lease, heartbeat } = coherence
  const confirms = typeof confirm === 'function'
  if (kind === 'local' && confirms && typeof subscribe === 'function') return
  const keepsTime = isDuration(lease) && isDuration(heartbeat) && heartbeat < lease
  if (kind === 'fleet' && confirms && typeof join === 'function' && keepsTime) return
  throw badOption(
    'keyStore',
    "a KeyStore whose coherence is of kind 'local' (subscribe, confirm) or 'fleet' (join, confirm, lease, a shorter heartbeat)",
  )
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
