/** The operations on keys, with their options and results. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails, KeyFilter, TenantDetails } from '../stores/writable-key-store.ts'
import type { KeyStatus } from '../stores/key-filter.ts'

/** What `create` takes. */
export interface CreateKeyOptions {
  tenantId: string
  /** A name for people, 1 to 100 characters. */
  name: string
  /** One of the manager's `environments`. */
  environment: string
  /** Up to 100 scopes, from the manager's `scopes` if it has that list. Default: none. */
  scopes?: readonly string[]
  /** When the key stops working. `null`: never. Default: after the manager's `defaultLifetime`, else never. */
  expiresAt?: Date | null
  /** The only addresses and CIDRs from which the key is accepted, 1 to 100. Default: `null`, any. */
  networks?: readonly string[] | null
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
  /** Who makes the key, usually a user id. Default: `null`. */
  createdBy?: string | null
  /**
   * Up to 200 characters. If the tenant has used it before, the call makes no second key and throws `KEY_EXISTS`, which
   * names the first key. So a repeated request never leaves behind a second key that nobody has seen.
   */
  idempotencyKey?: string
}

/** What `import` takes: the options of `create`, and the hash of a key that already exists. */
export interface ImportKeyOptions extends Omit<CreateKeyOptions, 'idempotencyKey'> {
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters, or what the store's `keyHash` returns for it. */
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

/** What `rotate` takes. */
export interface RotateKeyOptions extends KeyOwner {
  /** Milliseconds after which the old key stops working, up to 365 days. Default: it stays as it is. */
  grace?: number
  /**
   * When the new key expires. Default: the old key's expiry before this call, but at most `maxLifetime` from now. If the
   * old key had none, after `defaultLifetime`.
   */
  expiresAt?: Date | null
  /** Who makes the new key. Default: `null`. */
  createdBy?: string | null
  /** As for `create`. */
  idempotencyKey?: string
}

/** What `update` takes. What you leave out stays as it is. */
export interface UpdateKeyOptions {
  name?: string
  scopes?: readonly string[]
  expiresAt?: Date | null
  /** `true`: the key is refused like an unknown key, until you set `false`. */
  paused?: boolean
  networks?: readonly string[] | null
  metadata?: object
}

/** What `list` takes: a filter, and a page. */
export interface ListKeysOptions extends Omit<KeyFilter, 'tenantId'> {
  /** `null`: the keys of all tenants, for operators. */
  tenantId: string | null
  /** 1 to 100. Default: 50. */
  limit?: number
  /** The `nextCursor` of the previous page. */
  cursor?: string
}

/** What `purge` takes. */
export interface PurgeOptions extends KeyOwner {
  /** `purge` deletes the keys that were revoked or expired before this moment. */
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

/** What `import`, `update` and `revoke` return: the key after the change, and how the change was confirmed. */
export interface KeyChange extends Confirmation {
  details: KeyDetails
}

/** What `rotate` returns: the new key, the old one, and how the old key's change was confirmed. */
export interface RotatedKey extends CreatedKey, Confirmation {
  /** The old key as it is after the call. */
  retired: KeyDetails
}

/** What `identify` returns. */
export interface IdentifiedKey {
  details: KeyDetails
  tenant: TenantDetails
  /** `suspended`: the key is active, but its tenant is suspended. */
  status: KeyStatus | 'suspended'
}

/** What `KeyManager` does with keys. Every call may throw `KEY_STORE_UNAVAILABLE`. */
export interface KeyOperations {
  /**
   * Makes a key, and returns once the store has saved it. No later call returns the full key.
   *
   * A call that throws may leave behind a key that nobody has seen. With an `idempotencyKey`, the next attempt tells you
   * which key that is.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_LIFETIME_TOO_LONG`, `KEY_LIMIT_REACHED`
   */
  create(options: CreateKeyOptions): Promise<CreatedKey>

  /**
   * Imports a key that was made elsewhere, by its hash. If its form is not this package's, set `keyFormat: 'any'` at
   * `tenantAuth`.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (a key with this hash), `KEY_LIFETIME_TOO_LONG`,
   *   `KEY_LIMIT_REACHED`
   */
  import(options: ImportKeyOptions): Promise<KeyChange>

  /** @throws `KEY_NOT_FOUND` */
  get(id: string, owner?: KeyOwner): Promise<KeyDetails>

  /**
   * Returns whose key it is and whether it still works: for when you find a leaked key.
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
   * Makes a key that takes over from another, with the same tenant, name, environment, scopes, networks and metadata. It
   * has the same expiry unless you set one: if the old key expires soon, set `expiresAt`.
   *
   * Without a `grace` the old key stays valid. With one, it stops working after the grace or at its own expiry, whichever
   * comes first.
   *
   * If the fleet cannot confirm the change, this returns `confirmedBy: 'none'` and does not throw, so that the new key is
   * not lost.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_PAUSED`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_LIFETIME_TOO_LONG`, `KEY_LIMIT_REACHED` (without a `grace`, because the old key stays)
   */
  rotate(id: string, options?: RotateKeyOptions): Promise<RotatedKey>

  /**
   * Changes a key's name, scopes, expiry, networks or metadata, or pauses or resumes the key. You cannot change a revoked
   * or expired key.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_EXPIRED`, `KEY_INVALID`, `KEY_LIFETIME_TOO_LONG`
   */
  update(id: string, options: UpdateKeyOptions, owner?: KeyOwner): Promise<KeyChange>

  /**
   * Permanently ends a key. When this returns, no instance of the fleet accepts the key. Idempotent: a second call keeps
   * the first `revokedAt`, and waits for the fleet again.
   *
   * @throws `KEY_NOT_FOUND`. After `KEY_STORE_UNAVAILABLE` the key may still be accepted: call again until it returns
   */
  revoke(id: string, owner?: KeyOwner): Promise<KeyChange>

  /**
   * Deletes the keys that ended before a moment in the past, in short steps. Use it to keep ended keys for some days only.
   *
   * @returns how many keys were deleted
   * @throws `KEY_INVALID`
   */
  purge(options: PurgeOptions): Promise<{ deleted: number }>
}
