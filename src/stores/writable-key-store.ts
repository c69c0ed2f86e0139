/** The writing side of a store: what `KeyManager` needs to make, list, change and revoke keys. */
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
  /** Since when it is refused until it is resumed. */
  pausedAt: Date | null
  /** Addresses and CIDRs from which alone it is accepted, `null` for any. */
  networks: readonly string[] | null
  /** Kept to about a minute. */
  lastUsedAt: Date | null
}

/**
 * A key to insert. `KeyManager` passes ids of up to 200 UTF-16 code units, names, scopes and environments of up to 100,
 * `start` of up to 40, up to 100 scopes and 100 networks, metadata of up to 4 KiB as JSON, and no text with NUL or half a surrogate pair.
 * Text is compared exactly: case, accents and trailing spaces count, whatever a database's collation makes of them.
 * Times are whole milliseconds.
 */
export type NewKey = Omit<KeyDetails, 'revokedAt' | 'pausedAt' | 'networks' | 'lastUsedAt'> & {
  /** Default: `null`. */
  networks?: readonly string[] | null
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters, or what `keyHash` makes of it: up to 128. */
  hash: string
}

/**
 * A write that took effect, and what `confirm` has to know of it. Stores without epochs answer 0; what else there is in a
 * mark, a store of a fleet should answer.
 */
export interface Written<Record> extends WriteMark {
  record: Record
}

/** Why an insert did nothing. */
export type InsertRefusal =
  | 'no-such-tenant'
  | 'id-taken'
  | 'hash-taken'
  /** The key to retire is unknown, of another tenant, paused, or revoked. */
  | 'not-retirable'

/** The columns of a key that may change. What is not named stays as it is. */
export interface KeyPatch {
  name?: string
  scopes?: readonly string[]
  expiresAt?: Date | null
  pausedAt?: Date | null
  networks?: readonly string[] | null
  metadata?: object
}

/** The columns of a tenant that may change. What is not named stays as it is. */
export interface TenantPatch {
  name?: string
  metadata?: object
  suspendedAt?: Date | null
}

/** Which keys. What is not named is any. */
export interface KeyFilter {
  tenantId?: string | undefined
  /** The first that fits of revoked, expired by the store's clock, paused, active. */
  status?: 'active' | 'paused' | 'expired' | 'revoked' | undefined
  environment?: string | undefined
  /** Part of the name. ASCII letters in any case. */
  name?: string | undefined
  /** Last used before then, or never used and made before then. */
  unusedSince?: Date | undefined
  /** Revoked before then, or to expire before then. */
  endsBefore?: Date | undefined
}

/** Which tenants. */
export interface TenantFilter {
  /** Part of the name or the id. ASCII letters in any case. */
  search?: string | undefined
}

/** Which part of a list. */
export interface Page {
  /** As many as there are, up to this: a shorter page is taken for the last one. */
  limit: number
  /** Only what comes after this one, in the order of the list. */
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
  /** @returns `null` if no tenant has this id */
  findTenant(id: string): Promise<TenantDetails | null>
  /** In the order of `listKeys`. */
  listTenants(options: TenantFilter & Page): Promise<TenantDetails[]>
  /** @returns the tenant as it is now, or `null` if no tenant has this id */
  updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null>
  /** @returns `has-keys` where it has keys: they are deleted first. `null` where there is none */
  deleteTenant(id: string): Promise<Written<TenantDetails> | 'has-keys' | null>

  /**
   * Inserts a key. With `retire`, the old key of a rotation is written in the same transaction: it must be the same
   * tenant's and not revoked, and its expiry becomes the earlier of its own and the one given (`null`: it stays).
   *
   * @param fresh the key was made of random bits a moment ago, so that nobody can have asked for it: no cache has to hear
   *   of it, and the epoch need not be raised
   */
  insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
    fresh?: boolean,
  ): Promise<Written<KeyDetails> | InsertRefusal>
  /** @returns the key, revoked and expired ones too, or `null` if no key has this id */
  findKey(id: string): Promise<KeyDetails | null>
  /**
   * Newest first: `createdAt` descending, then `id` descending by code unit (in PostgreSQL `COLLATE "C"`). Revoked and
   * expired keys included. Without a `tenantId` of all tenants.
   */
  listKeys(options: KeyFilter & Page): Promise<KeyDetails[]>
  /**
   * Looks whether the key has ended, by the store's own clock, and changes it in one step: what has ended, by a revocation
   * in between or because its time is up, stays ended.
   *
   * @returns `null` where the id is unknown, or the key is revoked or has expired and changes no more
   */
  updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null>
  /**
   * Idempotent: a key that is revoked already keeps its first `revokedAt`, and the answer's epoch is that of the first
   * revocation or later, so that confirming it is as good.
   */
  revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null>
  /**
   * Deletes those of the keys that were revoked or have expired before then, with all that is kept of them, in one short
   * step. No cache has to hear of it; one that has yet to hear of a revocation among them must, all the same.
   *
   * @param ids up to 1,000. Ids that are gone are passed over
   * @returns how many were deleted
   */
  deleteKeys(ids: readonly string[], endedBefore: Date): Promise<number>
  /**
   * Notes when keys were last used. Never moves a time back, never raises the epoch, passes over ids that are gone. May be
   * called again with uses that it has recorded.
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

/** Whether a store has the writing side, the whole of it. */
export function isWritable(store: KeyStore): store is WritableKeyStore {
  return missingMethods(store).length === 0
}

/** The methods of `WritableKeyStore` that an object lacks. */
export function missingMethods(candidate: Partial<WritableKeyStore>): string[] {
  return METHODS.filter((method) => typeof candidate[method] !== 'function')
}
