/** A key as the routes show it, copied field by field: what a store adds to the contract, such as a hash, is left out. */
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

/** How far a write has reached. The number of instances and the epoch are left out: they do not concern a browser. */
export function confirmation({
  confirmedBy,
  waitedMs,
}: Confirmation): Pick<Confirmation, 'confirmedBy' | 'waitedMs'> {
  return { confirmedBy, waitedMs }
}

/** Who made a key: the user, and their impersonator if there is one. */
export function createdBy({ userId, actor }: ConsoleUser): string {
  return actor === null ? userId : `${userId}, impersonated by ${actor.sub}`
}
