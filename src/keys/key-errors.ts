/** The errors for a key or tenant that does not exist, or whose state rules an operation out. */
import { TenantAuthError } from '../http/errors.ts'
import type { InsertRefusal } from '../stores/writable-key-store.ts'

export function keyNotFound(): TenantAuthError {
  return new TenantAuthError('KEY_NOT_FOUND', 'No key has this id')
}

export function keyRevoked(): TenantAuthError {
  return new TenantAuthError('KEY_REVOKED', 'The key is permanently revoked: create a new one')
}

export function keyExpired(): TenantAuthError {
  return new TenantAuthError('KEY_EXPIRED', 'The key has expired, which is permanent: create a new one')
}

export function keyPaused(): TenantAuthError {
  return new TenantAuthError('KEY_PAUSED', 'The key is paused: resume it, or create another one')
}

/** A rotation passes the old key's expiry on, so the new key would have expired too. */
export function hasExpired(): TenantAuthError {
  return new TenantAuthError('KEY_INVALID', 'The key has expired: set expiresAt for the new key')
}

export function limitReached(max: number): TenantAuthError {
  return new TenantAuthError(
    'KEY_LIMIT_REACHED',
    `The tenant has ${max} live keys, as many as it may have: revoke one that is not needed`,
  )
}

export function tenantNotFound(): TenantAuthError {
  return new TenantAuthError('TENANT_NOT_FOUND', 'No tenant has this id: create the tenant first')
}

export const INSERT_REFUSALS: readonly InsertRefusal[] = [
  'no-such-tenant',
  'id-taken',
  'hash-taken',
  'not-retirable',
]

/** @param id the id of the key that the store refused to insert */
export function insertRefused(refusal: InsertRefusal, id: string): TenantAuthError {
  if (refusal === 'no-such-tenant') return tenantNotFound()
  if (refusal === 'not-retirable') return keyRevoked()
  if (refusal === 'hash-taken')
    return new TenantAuthError('KEY_EXISTS', 'A key with this hash already exists')
  // Ids are random unless they are derived from an idempotency key.
  return new TenantAuthError(
    'KEY_EXISTS',
    `This idempotency key was already used to create ${id}, which cannot be shown again: rotate or revoke it`,
  )
}
