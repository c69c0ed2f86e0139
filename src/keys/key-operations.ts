/** The operations on keys, what goes into them and what comes out. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails, TenantDetails } from '../stores/writable-key-store.ts'
import type { KeyStatus } from './key-status.ts'

/** What `create` takes. */
export interface CreateKeyOptions {
  tenantId: string
  /** For people, 1 to 100 characters. */
  name: string
  /** One of the manager's `environments`. */
  environment: string
  /** At most 100, of the manager's `scopes` where it has such a list. Default: none. */
  scopes?: readonly string[]
  /** From then on the key is refused. `null`: never. Default: by the manager's `defaultLifetime`, else never. */
  expiresAt?: Date | null
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
  /** Who makes it: a user id as a rule. Default: `null`. */
  createdBy?: string | null
  /**
   * Up to 200 characters. Where the tenant has used it before, the call makes no second key and throws `KEY_EXISTS`
   * naming the first: a repeated request never leaves a key that nobody has seen.
   */
  idempotencyKey?: string
}

/** What `import` takes: as `create`, with the hash of a key that exists already. */
export interface ImportKeyOptions extends Omit<CreateKeyOptions, 'idempotencyKey'> {
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters, or what the store's `keyHash` makes of it. */
  hash: string
  /** Its labels (`sk_live_`) and up to four characters more, 40 in all: as much as is shown of a key that is made here. */
  start: string
  /** Its last characters, up to 4. */
  last4: string
}

/** With `tenantId`, another tenant's key is one that does not exist. Pass it wherever a tenant's user asks. */
export interface KeyOwner {
  tenantId?: string
}

export interface RotateKeyOptions extends KeyOwner {
  /** Milliseconds after which the old key ends by itself, up to 365 days. Default: it stays as it is. */
  grace?: number
  /** When the new key expires. Default: when the old one does, as it was before this call, or by `defaultLifetime`. */
  expiresAt?: Date | null
  /** Who makes the new key. Default: `null`. */
  createdBy?: string | null
  /** As for `create`. */
  idempotencyKey?: string
}

/** What is not named stays as it is. */
export interface UpdateKeyOptions {
  name?: string
  scopes?: readonly string[]
  expiresAt?: Date | null
  metadata?: object
}

/** What `list` takes. */
export interface ListKeysOptions {
  tenantId: string
  /** 1 to 100. Default: 50. */
  limit?: number
  /** The `nextCursor` of the page before. */
  cursor?: string
}

/** What `list` returns. */
export interface KeyPage {
  keys: KeyDetails[]
  /** For the next page, `null` where there is none. */
  nextCursor: string | null
}

/** What `create` returns. */
export interface CreatedKey {
  /** The full key. It cannot be had again. */
  key: string
  details: KeyDetails
}

export interface KeyChange extends Confirmation {
  details: KeyDetails
}

export interface RotatedKey extends CreatedKey, Confirmation {
  /** The old key, as it is from now on. */
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
   * Makes a key. The answer is the only one that ever holds it, and comes after the store has it for good.
   *
   * A create that threw may have left a key that nobody has seen. With an `idempotencyKey` the next attempt says so.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_LIFETIME_TOO_LONG`, `KEY_LIMIT_REACHED`
   */
  create(options: CreateKeyOptions): Promise<CreatedKey>

  /**
   * Takes in a key that was made elsewhere, by its hash. A key of another form than this package's takes
   * `keyFormat: 'any'` at `tenantAuth`.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (a key with this hash), `KEY_LIFETIME_TOO_LONG`,
   *   `KEY_LIMIT_REACHED`
   */
  import(options: ImportKeyOptions): Promise<KeyChange>

  /** @throws `KEY_NOT_FOUND` */
  get(id: string, owner?: KeyOwner): Promise<KeyDetails>

  /**
   * Whose a key is and what has become of it, from the key itself: for whoever holds one that has leaked.
   *
   * @param key the full key
   * @throws `KEY_NOT_FOUND`
   */
  identify(key: string): Promise<IdentifiedKey>

  /**
   * A tenant's keys, newest first, revoked and expired ones included. An unknown tenant has none.
   *
   * @throws `KEY_INVALID`
   */
  list(options: ListKeysOptions): Promise<KeyPage>

  /**
   * Makes a key that takes over from another: same tenant, name, environment, scopes and metadata, and the same expiry
   * unless told otherwise. The old key stays valid, or ends by itself after the grace, never later than it would have.
   *
   * A key that ends soon, because its own time is up or because it was rotated before, hands that end on: say `expiresAt`.
   *
   * What could not be confirmed is answered as `confirmedBy: 'none'` rather than thrown: the new key must not be lost.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_LIFETIME_TOO_LONG`, `KEY_LIMIT_REACHED` (without a `grace`, where the old key stays)
   */
  rotate(id: string, options?: RotateKeyOptions): Promise<RotatedKey>

  /**
   * Changes a key's name, scopes, expiry or metadata. What has ended stays ended, and changes no more.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_EXPIRED`, `KEY_INVALID`, `KEY_LIFETIME_TOO_LONG`
   */
  update(id: string, options: UpdateKeyOptions, owner?: KeyOwner): Promise<KeyChange>

  /**
   * Ends a key for ever. When it has returned, no instance of the fleet accepts the key. Idempotent: revoking it again
   * keeps the first `revokedAt`, and confirms anew.
   *
   * @throws `KEY_NOT_FOUND`; `KEY_STORE_UNAVAILABLE` claims nothing, so revoke again until it returns
   */
  revoke(id: string, owner?: KeyOwner): Promise<KeyChange>
}
