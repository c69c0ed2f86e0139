/** Ids of keys: random, or what a tenant's idempotency key always leads to. */
import { createHash, randomBytes } from 'node:crypto'
import { checkId } from './key-values.ts'

export function randomId(): string {
  return `key_${randomBytes(16).toString('hex')}`
}

/**
 * Ids hold no control character, so that no other pair of tenant and idempotency key comes to the same.
 *
 * @throws `KEY_INVALID`
 */
export function repeatableId(tenantId: string, idempotencyKey: string): string {
  checkId('idempotencyKey', idempotencyKey)
  return `key_${createHash('sha256').update(`${tenantId}\0${idempotencyKey}`).digest('hex').slice(0, 32)}`
}
