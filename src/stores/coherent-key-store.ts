/** The coherence side of a store: what lets a cache in front of it be coherent, in one process or on a fleet. */
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
  confirm(epoch: number): Promise<Confirmation>
}

/**
 * Milliseconds by which an instance's wall and monotonic clocks may drift apart before it voids its lease, because the
 * machine may have been suspended. Whoever waits for a lease to end waits so much longer.
 */
export const CLOCK_TOLERANCE = 50

/** Where the history of a store's changes stands. */
export interface Position {
  /** Raised by every write that matters to authentication, in that write's own transaction. */
  epoch: number
  /** Random; another one whenever the history cannot answer for the past. */
  tag: string
}

/** The answer to a heartbeat. */
export interface Beat {
  /** `false`: this instance is not registered (any more), nothing was acknowledged, and the rest means nothing. */
  member: boolean
  position: Position
  /** Hashes of the keys that changed after the position the beat acknowledged, or `null` where that cannot be said. */
  changed: readonly string[] | null
}

/**
 * One connection of its own to the store, for heartbeats and pushes. Nothing in here keeps time or retries: that is the
 * cache's part, the same for all stores.
 */
export interface FleetLink {
  /**
   * Registers the instance, acknowledging nothing, committed when it returns: from here on, confirmations wait for it.
   */
  register(member: FleetMemberInfo, signal: AbortSignal): Promise<void>
  /**
   * One round trip: acknowledges `known.epoch` in the instance's row, then reads the position and what changed since. It
   * acknowledges what it was given and not what it reads, because what it reads has yet to be dropped from the cache.
   *
   * With `null` it acknowledges nothing and answers the position alone (`changed: null`); so it does for a position of
   * another history, which has another tag or is ahead of the store.
   */
  beat(instance: string, known: Position | null, signal: AbortSignal): Promise<Beat>
  /** Takes the instance's row away. */
  leave(instance: string, signal: AbortSignal): Promise<void>
  /** Destroys the connection without waiting for anything. Idempotent, never throws. */
  destroy(): void
}

export interface FleetMemberInfo {
  /** Random id of this instance, the same over reconnects. */
  instance: string
  /** For people: host name and process id. */
  label: string
  /** Milliseconds for which this instance may serve after its last proof: the lease, and what it adds by itself. */
  holds: number
}

export interface FleetLinkEvents {
  /** A push came in: something changed, up to this epoch. It makes things fast, and proves nothing. */
  onPush(epoch: number): void
  /** This process wrote, which makes it beat at once, and says nothing of whether pushes come. */
  onOwnWrite(epoch: number): void
  /** The connection is gone. */
  onLost(cause: unknown): void
}

/** A store that several processes share. */
export interface FleetCoherence {
  readonly kind: 'fleet'
  /** T: milliseconds for which an instance may serve after it has read the epoch. The same for the whole fleet. */
  readonly lease: number
  /** H: milliseconds between heartbeats. The same for the whole fleet. */
  readonly heartbeat: number
  /**
   * Connects and listens, and only then answers. Checks the fleet's settings.
   *
   * @throws `TENANT_AUTH_FLEET_MISMATCH` where instances run with another lease or heartbeat
   */
  connect(events: FleetLinkEvents, signal: AbortSignal): Promise<FleetLink>
  /**
   * Returns when every registered instance has acknowledged `epoch`, or may no longer serve what is older. It ends by
   * itself, after the longest `holds` at the latest, because nobody else knows how long that is.
   */
  confirm(epoch: number): Promise<Confirmation>
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
  const { kind, subscribe, connect, confirm, lease, heartbeat } = coherence
  const confirms = typeof confirm === 'function'
  if (kind === 'local' && confirms && typeof subscribe === 'function') return
  const keepsTime = isDuration(lease) && isDuration(heartbeat) && heartbeat < lease
  if (kind === 'fleet' && confirms && typeof connect === 'function' && keepsTime) return
  throw badOption(
    'keyStore',
    "a KeyStore whose coherence is of kind 'local' (subscribe, confirm) or 'fleet' (connect, confirm, lease, a shorter heartbeat)",
  )
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
