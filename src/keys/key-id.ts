/** Ids of keys: random, or derived from a tenant's idempotency key. */
import { createHash, randomBytes } from 'node:crypto'
import { checkId } from './key-values.ts'

export function randomId(): string {
  return `key_${randomBytes(16).toString('hex')}`
}

/**
 * The same id for the same tenant and idempotency key. Neither contains a control character, so `\0` keeps pairs apart.
 *
 * @throws `KEY_INVALID`
 */
export function repeatableId(tenantId: string, idempotencyKey: string): string {
  checkId('idempotencyKey', idempotencyKey)
  return `key_${createHash('sha256').update(`${tenantId}\0${idempotencyKey}`).digest('hex').slice(0, 32)}`
}
