/** The coherence side of a store: what lets a cache in front of it be coherent, in one process or on a fleet. */
import type { FleetReport, FleetState, FleetStats } from '../coherence/fleet-report.ts'
import type { FleetDriver, WriteMark } from '../coherence/driver.ts'
import type { Lease } from '../coherence/lease.ts'
import { badOption } from '../http/errors.ts'
import type { KeyStore } from './key-store.ts'

/** What is known of a write's reach. */
export interface Confirmation {
  /** The store's epoch of the write. */
  epoch: number
  /**
   * - `all`: every instance has acknowledged it.
   * - `lease`: some have not, and the time is over for which they may serve without an answer of the store.
   * - `none`: nothing. The store is not coherent, and caches hold what they have until its time to live is over; or, after
   *   a rotation alone, the store failed before it could say more.
   */
  confirmedBy: 'all' | 'lease' | 'none'
  /** How many instances had to see it. */
  instances: number
  /** Milliseconds from the commit to this answer. */
  waitedMs: number
}

/** A store whose every change happens in this very process: a plain synchronous call is all the coherence it takes. */
export interface LocalCoherence {
  readonly kind: 'local'
  /**
   * Calls `listener` with the hashes that a write concerns, after the write and before anybody can learn of it: in the
   * same turn as the write, and so before its promise is fulfilled. A rotation concerns two keys, a change of a tenant all
   * of its keys, recorded use none.
   *
   * @param listener returns at once and does not throw
   * @returns a function that ends the subscription, idempotent
   */
  subscribe(listener: (hashes: readonly string[]) => void): () => void
  /** Answers that every cache of this process knows of the write. */
  confirm(mark: WriteMark): Promise<Confirmation>
}

/** A cache in front of the store, which wants to know what changes. Its functions return at once and do not throw. */
export interface FleetSubscriber {
  /** Milliseconds beyond the lease for which it would serve while the store does not answer. */
  staleIfError: number
  /** These keys have changed: forget them. */
  onChanged(hashes: readonly string[]): void
  /** Everything is to be dropped. */
  onReset(): void
  /** Called for each change of state and each event of the membership. */
  onReport?: ((report: FleetReport) => void) | undefined
}

/** A cache's share of the membership, of which each process has one for each store. */
export interface FleetMembership {
  /** Until when cached answers may be used. The same for all caches of the process. */
  readonly lease: Lease
  readonly state: FleetState
  /** Whether this instance has ever been coherent, and is not closing. */
  readonly joined: boolean
  /** Why the last heartbeat failed, where it did. */
  readonly cause: unknown
  /** Milliseconds beyond the lease for which this cache may serve: 0 until the store knows of it. */
  readonly staleIfError: number
  /** Returns when the first heartbeat is over, whether it went well or not, and after five seconds in any case. */
  start(): Promise<void>
  /** Ends the subscription. The last one takes the instance off the list, which takes a second at most. */
  close(): Promise<void>
  /** The state, the last heartbeat, the epoch, and counters since start. */
  stats(): FleetStats
}

/** A store that several processes share. `Fleet` is one, over a `FleetDriver` of the store. */
export interface FleetCoherence {
  readonly kind: 'fleet'
  /** T: milliseconds for which an instance may serve after it has read the epoch. */
  readonly lease: number
  /** H: milliseconds between heartbeats. */
  readonly heartbeat: number
  /** What it is made of, for `coherenceContract`. */
  readonly driver: FleetDriver
  /** Adds a cache to the membership of this process. The first one makes the process an instance. */
  join(subscriber: FleetSubscriber): FleetMembership
  /**
   * Returns when every registered instance has acknowledged the write, or may no longer serve what is older. It ends by
   * itself, after the longest `holds` at the latest, because nobody else knows how long that is.
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
 * Checks the coherence side of a store, where it has one: one that is half there would be found out by a revoked key.
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function checkCoherence(store: KeyStore): void {
  if (!isCoherent(store)) return
  // Users of plain JavaScript may have anything here.
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
