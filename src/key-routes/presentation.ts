/** A key as the routes show it. Field by field: what a store answers beyond the contract, a hash say, stays inside. */
import type { ConsoleUser } from '../console-auth/index.ts'
import { statusOfKey } from '../stores/key-filter.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
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
    status: statusOfKey(key),
    createdAt: key.createdAt.toISOString(),
    createdBy: key.createdBy,
    expiresAt: moment(key.expiresAt),
    revokedAt: moment(key.revokedAt),
    pausedAt: moment(key.pausedAt),
    networks: key.networks && [...key.networks],
    lastUsedAt: moment(key.lastUsedAt),
  }
}

function moment(at: Date | null): string | null {
  return at === null ? null : at.toISOString()
}

/** What is known of a write's reach. How many instances there are, and how often they were told, concerns no browser. */
export function confirmation({
  confirmedBy,
  waitedMs,
}: Confirmation): Pick<Confirmation, 'confirmedBy' | 'waitedMs'> {
  return { confirmedBy, waitedMs }
}

/** Who made a key: the user, and whoever impersonates them. */
export function createdBy({ userId, actor }: ConsoleUser): string {
  return actor === null ? userId : `${userId}, impersonated by ${actor.sub}`
}
