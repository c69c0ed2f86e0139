/** Filters, order and pages of lists, for stores that go through their records themselves. */
import type { KeyDetails, KeyFilter, Page, TenantDetails, TenantFilter } from './writable-key-store.ts'

type Place = NonNullable<Page['after']>

/** The state of a key. Suspending its tenant does not change it. */
export type KeyStatus = NonNullable<KeyFilter['status']>

export function statusOfKey(
  { revokedAt, expiresAt, pausedAt }: Pick<KeyDetails, 'revokedAt' | 'expiresAt' | 'pausedAt'>,
  now = Date.now(),
): KeyStatus {
  if (revokedAt !== null) return 'revoked'
  if (expiresAt !== null && expiresAt.getTime() <= now) return 'expired'
  return pausedAt === null ? 'active' : 'paused'
}

export function hasEnded(key: KeyDetails, now = Date.now()): boolean {
  return ['revoked', 'expired'].includes(statusOfKey(key, now))
}

export function endsBefore({ revokedAt, expiresAt }: KeyDetails, moment: Date): boolean {
  return [revokedAt, expiresAt].some((end) => end !== null && end < moment)
}

export function keyFits(key: KeyDetails, filter: KeyFilter): boolean {
  const { tenantId, status, environment, name, unusedSince } = filter
  return (
    (tenantId === undefined || key.tenantId === tenantId) &&
    (status === undefined || statusOfKey(key) === status) &&
    (environment === undefined || key.environment === environment) &&
    (name === undefined || contains(key.name, name)) &&
    (unusedSince === undefined || (key.lastUsedAt ?? key.createdAt) < unusedSince) &&
    (filter.endsBefore === undefined || endsBefore(key, filter.endsBefore))
  )
}

export function tenantFits({ id, name }: TenantDetails, { search }: TenantFilter): boolean {
  return search === undefined || contains(id, search) || contains(name, search)
}

/** Returns one page of the records that match, which may be given in any order. */
export function pageOf<Record extends Place>(records: readonly Record[], { limit, after }: Page): Record[] {
  const rest = after === undefined ? [...records] : records.filter((record) => newestFirst(after, record) < 0)
  return rest.sort(newestFirst).slice(0, limit)
}

function newestFirst(a: Place, b: Place): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id === b.id ? 0 : a.id < b.id ? 1 : -1)
}

/** Ignores the case of ASCII letters: only those change case the same way everywhere. */
function contains(text: string, part: string): boolean {
  return lowerCase(text).includes(lowerCase(part))
}

function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
