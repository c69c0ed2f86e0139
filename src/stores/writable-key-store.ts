/** The writing side of a store: what `KeyManager` needs to create, list, change and revoke keys. */
import type { WriteMark } from '../coherence/driver.ts'
import type { KeyStore } from './key-store.ts'

/** A tenant as administration sees it. */
export interface TenantDetails {
  id: string
  name: string
  metadata: object
  createdAt: Date
  suspendedAt: Date | null
}

/** A key as administration sees it: without the key itself and its hash. */
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
  /** Who created the key, as the caller says it: usually a user id. */
  createdBy: string | null
  expiresAt: Date | null
  revokedAt: Date | null
  /** When the key was paused: it is refused until it is resumed. */
  pausedAt: Date | null
  /** The only addresses and CIDRs from which the key is accepted, `null` for any. */
  networks: readonly string[] | null
  /** Accurate to about a minute. */
  lastUsedAt: Date | null
}

/**
 * A key to insert. `KeyManager` passes ids of up to 200 UTF-16 code units, names, scopes and environments of up to 100,
 * `start` of up to 40, up to 100 scopes and 100 networks, metadata of up to 4 KiB as JSON, and no text with NUL or half
 * a surrogate pair. Compare text exactly: case, accents and trailing spaces count, whatever the database's collation
 * makes of them. Times are whole milliseconds.
 */
export type NewKey = Omit<KeyDetails, 'revokedAt' | 'pausedAt' | 'networks' | 'lastUsedAt'> & {
  /** Default: `null`. */
  networks?: readonly string[] | null
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters, or what `keyHash` makes of it: up to 128. */
  hash: string
}

/**
 * A write that took effect, and what `confirm` needs to know about it. A store without epochs returns 0. A store that a
 * fleet shares should return the whole mark.
 */
export interface Written<Record> extends WriteMark {
  record: Record
}

/** Why an insert did nothing. */
export type InsertRefusal =
  | 'no-such-tenant'
  | 'id-taken'
  | 'hash-taken'
  /** The key to retire does not exist, belongs to another tenant, is paused, or is revoked. */
  | 'not-retirable'

/** The columns of a key that may change. A column that is not named stays as it is. */
export interface KeyPatch {
  name?: string
  scopes?: readonly string[]
  expiresAt?: Date | null
  pausedAt?: Date | null
  networks?: readonly string[] | null
  metadata?: object
}

/** The columns of a tenant that may change. A column that is not named stays as it is. */
export interface TenantPatch {
  name?: string
  metadata?: object
  suspendedAt?: Date | null
}

/** Which keys to list. What is not set matches any key. */
export interface KeyFilter {
  tenantId?: string | undefined
  /** The first that applies of: revoked, expired by the store's clock, paused, active. */
  status?: 'active' | 'paused' | 'expired' | 'revoked' | undefined
  environment?: string | undefined
  /** Part of the name. ASCII letters match in either case. */
  name?: string | undefined
  /** Last used before this time, or never used and created before it. */
  unusedSince?: Date | undefined
  /** Revoked before this time, or expiring before it. */
  endsBefore?: Date | undefined
}

/** Which tenants to list. */
export interface TenantFilter {
  /** Part of the name or the id. ASCII letters match in either case. */
  search?: string | undefined
}

/** Which part of a list to return. */
export interface Page {
  /** Return as many records as there are, up to this number: a shorter page counts as the last one. */
  limit: number
  /** Return only what comes after this record, in the order of the list. */
  after?: { createdAt: Date; id: string } | undefined
}

/**
 * The writing side. Each write is atomic and touches only the columns it names: two writers of different columns both
 * take effect, and nothing can undo a revocation.
 *
 * A write that fails throws. It may have taken effect all the same, unless it throws a `TenantAuthError` whose `effect`
 * says otherwise. `null` means that there is no such row, unless noted otherwise.
 */
export interface WritableKeyStore extends KeyStore {
  /** @returns `null` if the id is taken */
  insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null>
  /** @returns `null` if no tenant has this id */
  findTenant(id: string): Promise<TenantDetails | null>
  /** In the order of `listKeys`. */
  listTenants(options: TenantFilter & Page): Promise<TenantDetails[]>
  /** @returns the tenant as it is now, or `null` if no tenant has this id */
  updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null>
  /** @returns `has-keys` if the tenant still has keys: delete them first. `null` if no tenant has this id */
  deleteTenant(id: string): Promise<Written<TenantDetails> | 'has-keys' | null>

  /**
   * Inserts a key. With `retire`, the same transaction changes the old key of a rotation. That key must be the same
   * tenant's, and neither revoked nor paused. Its expiry becomes the earlier of its own and
   * `retire.expiresAt` (`null`: it stays).
   *
   * @param fresh the key was made of random bits a moment ago, so no instance can have looked it up: no cache has to
   *   learn of it, and the epoch need not be raised
   */
  insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
    fresh?: boolean,
  ): Promise<Written<KeyDetails> | InsertRefusal>
  /** @returns the key, even if it is revoked or expired, or `null` if no key has this id */
  findKey(id: string): Promise<KeyDetails | null>
  /**
   * Newest first: `createdAt` descending, then `id` descending by code unit (in PostgreSQL `COLLATE "C"`). Includes
   * revoked and expired keys. Without a `tenantId`, lists the keys of all tenants.
   */
  listKeys(options: KeyFilter & Page): Promise<KeyDetails[]>
  /**
   * Checks by the store's own clock that the key has not ended, and changes it, in one step: an ended key stays ended.
   *
   * @returns `null` if no key has this id, or if the key has ended
   */
  updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null>
  /**
   * Idempotent: a key that is already revoked keeps its first `revokedAt`. The epoch returned is that of the first
   * revocation or later, so that confirming it is as good.
   */
  revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null>
  /**
   * Deletes those of the keys that were revoked or expired before `endedBefore`, with everything stored about them, in
   * one short step. No cache has to learn of the deletion, but each must still learn of the revocations among them.
   *
   * @param ids up to 1,000. Ids that no longer exist are ignored
   * @returns how many were deleted
   */
  deleteKeys(ids: readonly string[], endedBefore: Date): Promise<number>
  /**
   * Records when keys were last used. Never moves a time back, never raises the epoch, and ignores ids that no longer
   * exist. The caller may repeat uses that are already recorded.
   *
   * @param uses key id → time, up to 10,000
   */
  recordUse(uses: ReadonlyMap<string, Date>): Promise<void>
}

const METHODS = [
  'findByHash',
  'insertTenant',
  'findTenant',
  'listTenants',
  'updateTenant',
  'deleteTenant',
  'insertKey',
  'findKey',
  'listKeys',
  'updateKey',
  'revokeKey',
  'deleteKeys',
  'recordUse',
] as const satisfies readonly (keyof WritableKeyStore)[]

/** Whether a store has the whole writing side. */
export function isWritable(store: KeyStore): store is WritableKeyStore {
  return missingMethods(store).length === 0
}

/** The methods of `WritableKeyStore` that an object lacks. */
export function missingMethods(candidate: Partial<WritableKeyStore>): string[] {
  return METHODS.filter((method) => typeof candidate[method] !== 'function')
}
