/**
 * The contract between this package and whatever keeps the keys.
 *
 * A store has one duty, to find a key by its hash, and two capabilities that it has or lacks, each seen in its type:
 *
 * - `KeyStore`: one look-up. Five lines are enough for a store of one's own.
 * - `WritableKeyStore`: what `KeyManager` needs to make, list, change and revoke keys.
 * - `CoherentKeyStore`: what lets a cache in front of it be coherent, in one process or on a fleet.
 *
 * `keyStoreContract` and `coherenceContract` of `fastify-tenant-auth/testing` are the same as tests: run them on yours.
 */
import { badOption } from '../errors.ts'

/** The tenant that a key belongs to, as a store answers it. Only `id` is required; `null` is as good as nothing. */
export interface StoredTenant {
  id: string
  /** Default: the id. */
  name?: string | null
  /** A plain object of the user's own. Default: `{}`. */
  metadata?: object | null
  /** A suspended tenant's keys answer 403. Default: `false`. */
  suspended?: boolean | null
}

/** What a look-up answers: the key and its tenant. Only the two ids are required; `null` is as good as nothing. */
export interface StoredKey {
  id: string
  tenant: StoredTenant
  /** Default: the id. */
  name?: string | null
  /** `live`, `test`, or any word of the user's own. Default: `''`. */
  environment?: string | null
  /** Default: none. */
  scopes?: readonly string[] | null
  /**
   * The moment from which the key is refused. Default: `null`, never. It is compared with the clock on every request, so
   * an expired key is answered like any other.
   */
  expiresAt?: Date | null
  /** The moment of revocation, or `null`. A store may as well answer nothing at all for a revoked key. */
  revokedAt?: Date | null
  /** A plain object of the user's own. Default: `{}`. */
  metadata?: object | null
}

export interface FindOptions {
  /** Aborted when nobody waits for the answer any more: the look-up's time limit has passed. */
  signal: AbortSignal
}

/**
 * The reading side.
 *
 * ```ts
 * const keyStore: KeyStore = {
 *   async findByHash(hash) {
 *     const row = await db.get('SELECT id, tenant_id, scopes FROM api_keys WHERE hash = ?', hash)
 *     return row && { id: row.id, tenant: { id: row.tenant_id }, scopes: row.scopes }
 *   },
 * }
 * ```
 */
export interface KeyStore {
  /**
   * Asks the primary, never a replica that may lag behind: what it answers is cached as the present.
   *
   * @param hash SHA-256 of the full key, 64 lower-case hexadecimal characters
   * @param options `signal` may be ignored: whoever asked has stopped waiting by then
   * @returns the key, or `null` or `undefined` where no key has this hash. Throwing means that it cannot be known.
   */
  findByHash(hash: string, options: FindOptions): Promise<StoredKey | null | undefined>
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/** A tenant as administration sees it. */
export interface TenantDetails {
  id: string
  name: string
  metadata: object
  createdAt: Date
  suspendedAt: Date | null
}

/** A key as administration sees it: never its hash, never the key. */
export interface KeyDetails {
  id: string
  tenantId: string
  name: string
  environment: string
  scopes: readonly string[]
  metadata: object
  /** The key's first characters, as far as they may be shown: prefix, environment and four more. */
  start: string
  /** The key's last four characters. */
  last4: string
  createdAt: Date
  /** Who made it, in the words of the caller: a user id as a rule. */
  createdBy: string | null
  expiresAt: Date | null
  revokedAt: Date | null
  /** Kept to about a minute. */
  lastUsedAt: Date | null
}

/**
 * A key to insert. `KeyManager` passes ids of up to 200 UTF-16 code units, names, scopes and environments of up to 100,
 * `start` of up to 40, up to 100 scopes, metadata of up to 4 KiB as JSON, and no text with NUL or half a surrogate pair.
 * Text is compared exactly: case, accents and trailing spaces count, whatever a database's collation makes of them.
 * Times are whole milliseconds.
 */
export type NewKey = Omit<KeyDetails, 'revokedAt' | 'lastUsedAt'> & {
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters. */
  hash: string
}

/** A write that took effect, and the store's epoch of it: what `confirm` waits for. Stores without epochs answer 0. */
export interface Written<Record> {
  record: Record
  epoch: number
}

/** Why an insert did nothing. */
export type InsertRefusal =
  | 'no-such-tenant'
  | 'id-taken'
  | 'hash-taken'
  /** The key to retire is unknown, of another tenant, or revoked. */
  | 'not-retirable'

/** The columns of a key that may change. What is not named stays as it is. */
export interface KeyPatch {
  name?: string
  scopes?: readonly string[]
  expiresAt?: Date | null
  metadata?: object
}

/** The columns of a tenant that may change. What is not named stays as it is. */
export interface TenantPatch {
  name?: string
  metadata?: object
  suspendedAt?: Date | null
}

export interface ListOptions {
  tenantId: string
  /** As many as there are, up to this: a shorter page is taken for the last one. */
  limit: number
  /** Only keys that come after this one, in the order of the list. */
  after?: { createdAt: Date; id: string } | undefined
}

/**
 * The writing side. Each write is atomic and touches only the columns it names: two writers of different columns both
 * take effect, and nothing can undo a revocation.
 *
 * A write that fails throws, and then claims nothing. Answers of `null` mean that there is no such row to write to.
 */
export interface WritableKeyStore extends KeyStore {
  /** @returns `null` where the id is taken */
  insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null>
  findTenant(id: string): Promise<TenantDetails | null>
  updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null>

  /**
   * Inserts a key. With `retire`, the old key of a rotation is written in the same transaction: it must be the same
   * tenant's and not revoked, and its expiry becomes the earlier of its own and the one given (`null`: it stays).
   */
  insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
  ): Promise<Written<KeyDetails> | InsertRefusal>
  findKey(id: string): Promise<KeyDetails | null>
  /**
   * Newest first: `createdAt` descending, then `id` descending by code unit (in PostgreSQL `COLLATE "C"`). Revoked and
   * expired keys included.
   */
  listKeys(options: ListOptions): Promise<KeyDetails[]>
  /**
   * Looks whether the key is revoked and changes it in one step: a revocation in between must not be lost.
   *
   * @returns `null` where the id is unknown or the key is revoked, which changes no more
   */
  updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null>
  /**
   * Idempotent: a key that is revoked already keeps its first `revokedAt`, and the answer's epoch is that of the first
   * revocation or later, so that confirming it is as good.
   */
  revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null>
  /**
   * Notes when keys were last used. Never moves a time back, never raises the epoch, passes over ids that are gone. May be
   * called again with uses that it has recorded.
   *
   * @param uses key id → time, up to 10,000
   */
  recordUse(uses: ReadonlyMap<string, Date>): Promise<void>
}

/* ---- coherence ----------------------------------------------------------------------------------------------- */

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

const WRITING_SIDE = [
  'insertTenant',
  'findTenant',
  'updateTenant',
  'insertKey',
  'findKey',
  'listKeys',
  'updateKey',
  'revokeKey',
  'recordUse',
] as const satisfies readonly (keyof WritableKeyStore)[]

/** Whether a store has the writing side, the whole of it. */
export function isWritable(store: KeyStore): store is WritableKeyStore {
  const candidate: Partial<WritableKeyStore> = store
  return WRITING_SIDE.every((method) => typeof candidate[method] === 'function')
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
    "a KeyStore whose coherence, if it has any, is of kind 'local' with subscribe() and confirm(), or of kind 'fleet' " +
      'with connect(), confirm(), a lease and a shorter heartbeat in milliseconds',
  )
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}
