/** The operations on keys, what goes into them and what comes out. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails, KeyFilter, TenantDetails } from '../stores/writable-key-store.ts'
import type { KeyStatus } from '../stores/key-filter.ts'

/** What `create` takes. */
export interface CreateKeyOptions {
  tenantId: string
  /** For people, 1 to 100 characters. */
  name: string
  /** One of the manager's `environments`. */
  environment: string
  /** Up to 100 scopes, from the manager's `scopes` if it has that list. Default: none. */
  scopes?: readonly string[]
  /** When the key stops working. `null`: never. Default: after the manager's `defaultLifetime`, else never. */
  expiresAt?: Date | null
  /** 1 to 100 addresses and CIDRs from which alone it is accepted. Default: `null`, any. */
  networks?: readonly string[] | null
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
  /** Who makes the key, usually a user id. Default: `null`. */
  createdBy?: string | null
  /**
   * Up to 200 characters. If the tenant has used it before, the call makes no second key and throws `KEY_EXISTS`,
   * naming the first. So a repeated request never leaves behind a key that nobody has seen.
   */
  idempotencyKey?: string
}

/** What `import` takes: as `create`, with the hash of a key that exists already. */
export interface ImportKeyOptions extends Omit<CreateKeyOptions, 'idempotencyKey'> {
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters, or what the store's `keyHash` makes of it. */
  hash: string
  /** What to show of its start: labels (`sk_live_`) and up to four more characters, 40 in all. */
  start: string
  /** What to show of its end, up to 4 characters. */
  last4: string
}

/** With `tenantId`, another tenant's key does not exist. Pass it whenever you act for one tenant. */
export interface KeyOwner {
  tenantId?: string
}

export interface RotateKeyOptions extends KeyOwner {
  /** Milliseconds after which the old key stops working, up to 365 days. Default: it stays as it is. */
  grace?: number
  /** When the new key expires. Default: when the old key would have, before this call, or after `defaultLifetime`. */
  expiresAt?: Date | null
  /** Who makes the new key. Default: `null`. */
  createdBy?: string | null
  /** As for `create`. */
  idempotencyKey?: string
}

/** What you leave out stays as it is. */
export interface UpdateKeyOptions {
  name?: string
  scopes?: readonly string[]
  expiresAt?: Date | null
  /** `true`: refused like a key that there is not, until it is `false` again. */
  paused?: boolean
  networks?: readonly string[] | null
  metadata?: object
}

/** What `list` takes: a filter, and a page. */
export interface ListKeysOptions extends Omit<KeyFilter, 'tenantId'> {
  /** `null`: of all tenants, for operators. */
  tenantId: string | null
  /** 1 to 100. Default: 50. */
  limit?: number
  /** The `nextCursor` of the page before. */
  cursor?: string
}

/** What `purge` takes. */
export interface PurgeOptions extends KeyOwner {
  /** Keys that were revoked or have expired before then are deleted. */
  endedBefore: Date
}

/** What `list` returns. */
export interface KeyPage {
  keys: KeyDetails[]
  /** For the next page. `null` on the last one. */
  nextCursor: string | null
}

/** What `create` returns. */
export interface CreatedKey {
  /** The full key. You cannot get it again. */
  key: string
  details: KeyDetails
}

export interface KeyChange extends Confirmation {
  details: KeyDetails
}

export interface RotatedKey extends CreatedKey, Confirmation {
  /** The old key, as it is now. */
  retired: KeyDetails
}

/** What `identify` returns. */
export interface IdentifiedKey {
  details: KeyDetails
  tenant: TenantDetails
  /** `suspended`: the key is good, and its tenant is suspended. */
  status: KeyStatus | 'suspended'
}

/** What `KeyManager` does with keys. Every call may throw `KEY_STORE_UNAVAILABLE`. */
export interface KeyOperations {
  /**
   * Makes a key. This answer is the only one that ever holds it, and comes once the store has saved it.
   *
   * A call that throws may have left a key that nobody has seen. With an `idempotencyKey`, the next attempt tells you.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_LIFETIME_TOO_LONG`, `KEY_LIMIT_REACHED`
   */
  create(options: CreateKeyOptions): Promise<CreatedKey>

  /**
   * Takes in a key that was made elsewhere, by its hash. For keys in another form than this package's, set
   * `keyFormat: 'any'` at `tenantAuth`.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (a key with this hash), `KEY_LIFETIME_TOO_LONG`,
   *   `KEY_LIMIT_REACHED`
   */
  import(options: ImportKeyOptions): Promise<KeyChange>

  /** @throws `KEY_NOT_FOUND` */
  get(id: string, owner?: KeyOwner): Promise<KeyDetails>

  /**
   * Tells whose key it is and whether it still works: for when you find one that has leaked.
   *
   * @param key the full key
   * @throws `KEY_NOT_FOUND`
   */
  identify(key: string): Promise<IdentifiedKey>

  /**
   * Lists keys, newest first, including revoked and expired ones unless the filter excludes them. An unknown tenant has none.
   *
   * @throws `KEY_INVALID`
   */
  list(options: ListKeysOptions): Promise<KeyPage>

  /**
   * Makes a key that takes over from another, with the same tenant, name, environment, scopes, networks and metadata, and the same expiry
   * unless you set one. The old key stays valid, or stops working after the grace, and never later than it would have.
   *
   * A key that expires soon passes its expiry on: set `expiresAt` then.
   *
   * If the fleet cannot be asked, this answers `confirmedBy: 'none'` and does not throw, because the new key must not be lost.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_PAUSED`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_LIFETIME_TOO_LONG`, `KEY_LIMIT_REACHED` (without a `grace`, where the old key stays)
   */
  rotate(id: string, options?: RotateKeyOptions): Promise<RotatedKey>

  /**
   * Changes a key's name, scopes, expiry, networks or metadata, pauses or resumes it. A revoked or expired key cannot change any more.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_EXPIRED`, `KEY_INVALID`, `KEY_LIFETIME_TOO_LONG`
   */
  update(id: string, options: UpdateKeyOptions, owner?: KeyOwner): Promise<KeyChange>

  /**
   * Ends a key for good. When this returns, no instance of the fleet accepts the key. Idempotent: revoking it again
   * keeps the first `revokedAt`, and asks the fleet again.
   *
   * @throws `KEY_NOT_FOUND`; after `KEY_STORE_UNAVAILABLE` nothing is known: call it again until it returns
   */
  revoke(id: string, owner?: KeyOwner): Promise<KeyChange>

  /**
   * Deletes what ended before a moment of the past, in short steps: for a retention of so many days.
   *
   * @returns how many keys were deleted
   * @throws `KEY_INVALID`
   */
  purge(options: PurgeOptions): Promise<{ deleted: number }>
}
