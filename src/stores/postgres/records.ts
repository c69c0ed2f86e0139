/** From rows, as the statements answer them, to records. Times come as milliseconds. */
import type { StoredKey } from '../key-store.ts'
import type { KeyDetails, TenantDetails } from '../writable-key-store.ts'

/** The type, with numbers where it has dates. */
export type Row<Record> = {
  [Name in keyof Record]: Record[Name] extends Date
    ? number
    : Record[Name] extends Date | null
      ? number | null
      : Record[Name]
}

export type LookupRow = Row<Required<Pick<StoredKey, 'id' | 'tenant'>>> &
  Omit<StoredKey, 'expiresAt' | 'revokedAt'> & {
    expiresAt: number | null
    revokedAt: number | null
  }

export function toStoredKey(row: LookupRow): StoredKey {
  return { ...row, expiresAt: toDate(row.expiresAt), revokedAt: toDate(row.revokedAt) }
}

export function toKeyDetails(row: Row<KeyDetails>): KeyDetails {
  return {
    ...row,
    createdAt: new Date(row.createdAt),
    expiresAt: toDate(row.expiresAt),
    revokedAt: toDate(row.revokedAt),
    lastUsedAt: toDate(row.lastUsedAt),
  }
}

export function toTenantDetails(row: Row<TenantDetails>): TenantDetails {
  return { ...row, createdAt: new Date(row.createdAt), suspendedAt: toDate(row.suspendedAt) }
}

function toDate(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
