/** What goes into the operations of `KeyManager`, and what comes out. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails } from '../stores/writable-key-store.ts'

export interface CreateKeyOptions {
  tenantId: string
  /** For people, 1 to 100 characters. */
  name: string
  /** One of the manager's `environments`. */
  environment: string
  /** At most 100, of the manager's `scopes` where it has such a list. Default: none. */
  scopes?: readonly string[]
  /** From then on the key is refused. Default: `null`, never. */
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

export interface ImportKeyOptions extends Omit<CreateKeyOptions, 'idempotencyKey'> {
  /** SHA-256 of the full key, 64 lower-case hexadecimal characters. */
  hash: string
  /** Its first characters, as far as they may be shown: up to 40, and far from all of it. */
  start: string
  /** Its last characters, up to 4. */
  last4: string
}

/** With `tenantId`, another tenant's key is one that does not exist. Pass it wherever a tenant's user asks. */
export interface KeyScope {
  tenantId?: string
}

export interface RotateKeyOptions extends KeyScope {
  /** Milliseconds after which the old key ends by itself, up to a year. Default: it stays as it is. */
  grace?: number
  /** When the new key expires. Default: when the old one does, as it was before this call. */
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

export interface ListKeysOptions {
  tenantId: string
  /** 1 to 100. Default: 50. */
  limit?: number
  /** The `nextCursor` of the page before. */
  cursor?: string
}

export interface KeyPage {
  keys: KeyDetails[]
  /** For the next page, `null` where there is none. */
  nextCursor: string | null
}

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
