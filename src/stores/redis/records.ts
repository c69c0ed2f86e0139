/** Keys and tenants as columns of Redis hashes, and back. */
import type { StoredKey } from '../key-store.ts'
import type { KeyDetails, KeyPatch, NewKey, TenantDetails, TenantPatch } from '../writable-key-store.ts'

/** Column names and values in turn, as HSET takes them. */
type Columns = string[]

/** JSON, so that `null` and the empty string stay apart; times as milliseconds, for the scripts to compare. */
function columnsOf(values: object): Columns {
  return Object.entries(values).flatMap(([name, value]: [string, unknown]) =>
    value === undefined ? [] : [name, JSON.stringify(value instanceof Date ? value.getTime() : value)],
  )
}

export function tenantColumns({ name, metadata, createdAt, suspendedAt }: TenantDetails): Columns {
  return columnsOf({ name, metadata, createdAt, suspendedAt })
}

export function tenantPatchColumns({ name, metadata, suspendedAt }: TenantPatch): Columns {
  return columnsOf({ name, metadata, suspendedAt })
}

export function keyColumns({ tenantId, hash, ...rest }: NewKey): Columns {
  const { name, environment, scopes, metadata, start, last4, createdAt, createdBy, expiresAt, networks } =
    rest
  const columns = { name, environment, scopes, metadata, start, last4, createdAt, createdBy, expiresAt }
  return ['tenantId', tenantId, 'hash', hash, ...columnsOf({ ...columns, networks, revokedAt: null })]
}

export function keyPatchColumns({
  name,
  scopes,
  expiresAt,
  pausedAt,
  networks,
  metadata,
}: KeyPatch): Columns {
  return columnsOf({ name, scopes, expiresAt, pausedAt, networks, metadata })
}

/** Length of `placeOf`. */
export const PLACE_LENGTH = 17
/** Milliseconds from the earliest time that a Date can hold to 1970. */
export const EARLIEST = 8_640_000_000_000_000n

/**
 * The place of a key created at this time in the index of its tenant, which Redis orders by bytes: digits of fixed
 * length, which the id follows. An index by score would have to be read whole if many keys were created in one
 * millisecond.
 */
export function placeOf(createdAt: Date): string {
  return String(BigInt(createdAt.getTime()) + EARLIEST).padStart(PLACE_LENGTH, '0')
}

/** A hash as a map, from HGETALL's list of names and values in turn. Empty if there is no such hash. */
export function rowOf(reply: unknown): Map<string, string> {
  const list = reply as readonly string[]
  const row = new Map<string, string>()
  for (let i = 0; i < list.length; i += 2) row.set(list[i] as string, list[i + 1] as string)
  return row
}

interface TenantRow {
  name: string
  metadata: object
  createdAt: number
  suspendedAt: number | null
}

interface KeyRow {
  tenantId: string
  name: string
  environment: string
  scopes: string[]
  metadata: object
  start: string
  last4: string
  createdAt: number
  createdBy: string | null
  expiresAt: number | null
  revokedAt: number | null
  /** Absent if version 0.1.0 created the key. */
  pausedAt?: number | null
  networks?: string[] | null
}

const PLAIN_COLUMNS = new Set(['tenantId', 'hash'])

/** @returns `null` if there is no such hash */
function parse(reply: unknown): object | null {
  const row = rowOf(reply)
  if (row.size === 0) return null
  return Object.fromEntries(
    [...row].map(([name, value]) => [name, PLAIN_COLUMNS.has(name) ? value : (JSON.parse(value) as unknown)]),
  )
}

export function tenantDetailsOf(id: string, reply: unknown): TenantDetails | null {
  const row = parse(reply) as TenantRow | null
  if (row === null) return null
  const { name, metadata, createdAt, suspendedAt } = row
  return { id, name, metadata, createdAt: new Date(createdAt), suspendedAt: dateOf(suspendedAt) }
}

export function keyDetailsOf(id: string, reply: unknown, lastUse: unknown): KeyDetails | null {
  const row = parse(reply) as KeyRow | null
  if (row === null) return null
  const { tenantId, name, environment, scopes, metadata, start, last4, createdBy } = row
  return {
    id,
    tenantId,
    name,
    environment,
    scopes,
    metadata,
    start,
    last4,
    createdBy,
    createdAt: new Date(row.createdAt),
    expiresAt: dateOf(row.expiresAt),
    revokedAt: dateOf(row.revokedAt),
    pausedAt: dateOf(row.pausedAt),
    networks: row.networks ?? null,
    lastUsedAt: lastUse === '' ? null : new Date(Number(lastUse)),
  }
}

/** What a look-up reads of a key and of its tenant, in this order. Keys of version 0.1.0 have no `pausedAt` and no `networks`. */
export const FOUND_KEY = [
  'name',
  'environment',
  'scopes',
  'metadata',
  'expiresAt',
  'revokedAt',
  'pausedAt',
  'networks',
] as const
export const FOUND_TENANT = ['name', 'metadata', 'suspendedAt'] as const

/** What a look-up finds. `null` for a record that is gone, or of which a part is. */
type FoundKey = [id: string, tenantId: string, key: FoundColumns | null, tenant: FoundTenant | null]

type FoundColumns = [
  ...[name: string, environment: string, scopes: string[], metadata: object],
  ...[expiresAt: number | null, revokedAt: number | null, pausedAt: number | null, networks: string[] | null],
]

type FoundTenant = [name: string, metadata: object, suspendedAt: number | null]

/**
 * @param found JSON
 * @throws if the hash is known but the key or its tenant is gone: then nothing is known about it
 */
export function storedKeyOf(found: string): StoredKey {
  const [id, tenantId, key, owner] = JSON.parse(found) as FoundKey
  if (key === null || owner === null) throw new Error('Redis has lost the record of a key or tenant')
  const [name, environment, scopes, metadata, expiresAt, revokedAt, pausedAt, networks] = key
  const [tenantName, tenantMetadata, suspendedAt] = owner
  return {
    id,
    name,
    environment,
    scopes,
    metadata,
    tenant: { id: tenantId, name: tenantName, metadata: tenantMetadata, suspended: suspendedAt !== null },
    expiresAt: dateOf(expiresAt),
    revokedAt: dateOf(revokedAt),
    pausedAt: dateOf(pausedAt),
    networks,
  }
}

function dateOf(ms: number | null | undefined): Date | null {
  return ms === null || ms === undefined ? null : new Date(ms)
}
