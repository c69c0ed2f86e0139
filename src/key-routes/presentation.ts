/** A key as the routes show it. Field by field: what a store answers beyond the contract, a hash say, stays inside. */
import type { KeyDetails } from '../stores/writable-key-store.ts'
import type { KeyDetailsBody } from './schemas.ts'

export function present(key: KeyDetails): KeyDetailsBody {
  return {
    id: key.id,
    name: key.name,
    environment: key.environment,
    start: key.start,
    last4: key.last4,
    scopes: [...key.scopes],
    status: status(key),
    createdAt: key.createdAt.toISOString(),
    createdBy: key.createdBy,
    expiresAt: moment(key.expiresAt),
    revokedAt: moment(key.revokedAt),
    lastUsedAt: moment(key.lastUsedAt),
  }
}

function status({ revokedAt, expiresAt }: KeyDetails): KeyDetailsBody['status'] {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt.getTime() <= Date.now() ? 'expired' : 'active'
}

function moment(at: Date | null): string | null {
  return at === null ? null : at.toISOString()
}
