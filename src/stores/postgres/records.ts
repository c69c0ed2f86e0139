/** Turns the rows that statements return into records, and values into parameters. Times arrive as milliseconds. */
import type { StoredKey } from '../key-store.ts'
import type { KeyDetails, TenantDetails } from '../writable-key-store.ts'

/** The type, with numbers in place of dates. */
export type Row<Record> = {
  [Name in keyof Record]: Record[Name] extends Date
    ? number
    : Record[Name] extends Date | null
      ? number | null
      : Record[Name]
}

export type LookupRow = Row<Required<Pick<StoredKey, 'id' | 'tenant'>>> &
  Omit<StoredKey, 'expiresAt' | 'revokedAt' | 'pausedAt'> &
  Record<'expiresAt' | 'revokedAt' | 'pausedAt', number | null>

export function toStoredKey(row: LookupRow): StoredKey {
  return {
    ...row,
    expiresAt: toDate(row.expiresAt),
    revokedAt: toDate(row.revokedAt),
    pausedAt: toDate(row.pausedAt),
  }
}

export function toKeyDetails(row: Row<KeyDetails>): KeyDetails {
  return {
    ...row,
    createdAt: new Date(row.createdAt),
    expiresAt: toDate(row.expiresAt),
    revokedAt: toDate(row.revokedAt),
    pausedAt: toDate(row.pausedAt),
    lastUsedAt: toDate(row.lastUsedAt),
  }
}

export function toTenantDetails(row: Row<TenantDetails>): TenantDetails {
  return { ...row, createdAt: new Date(row.createdAt), suspendedAt: toDate(row.suspendedAt) }
}

function toDate(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}

/** A parameter. `null` leaves the column as it is. */
export function json(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

/** A parameter. PostgreSQL reads ISO 8601, but not the sign that years beyond 9999 have there. */
export function time(date: Date | null | undefined): string | null {
  return date ? date.toISOString().replace(/^\+/, '') : null
}
