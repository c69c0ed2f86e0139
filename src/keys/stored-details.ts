/**
 * What a store answers of keys and tenants, looked at before it is passed on, and copied column by column: what it has
 * beyond the contract, a hash say, stays behind.
 */
import { momentOf } from '../lib/dates.ts'
import type { KeyDetails, TenantDetails } from '../stores/writable-key-store.ts'

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isMoment: Check = (value) => momentOf(value) !== undefined
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTextList: Check = (value) => Array.isArray(value) && value.every(isText)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)

const KEY: Record<keyof KeyDetails, Check> = {
  id: isText,
  tenantId: isText,
  name: isText,
  environment: isText,
  scopes: isTextList,
  metadata: isObject,
  start: isText,
  last4: isText,
  createdAt: isMoment,
  createdBy: orNull(isText),
  expiresAt: orNull(isMoment),
  revokedAt: orNull(isMoment),
  pausedAt: orNull(isMoment),
  networks: orNull(isTextList),
  lastUsedAt: orNull(isMoment),
}

const TENANT: Record<keyof TenantDetails, Check> = {
  id: isText,
  name: isText,
  metadata: isObject,
  createdAt: isMoment,
  suspendedAt: orNull(isMoment),
}

/**
 * @param asked what must be as it was asked for
 * @throws where the answer is of the wrong shape, or of another key
 */
export function keyDetails(answer: unknown, asked: { id?: string; tenantId?: string }): KeyDetails {
  return columns<KeyDetails>(answer, KEY, asked)
}

/** As `keyDetails`, for a key that may not be there. */
export function keyOrNull(answer: unknown, id: string): KeyDetails | null {
  return isNothing(answer) ? null : keyDetails(answer, { id })
}

/** @throws where it is no list of keys, or one of them is another tenant's than was asked for */
export function keyList(answer: unknown, tenantId: string | undefined): KeyDetails[] {
  return list(answer).map((key) => keyDetails(key, tenantId === undefined ? {} : { tenantId }))
}

export function tenantList(answer: unknown): TenantDetails[] {
  return list(answer).map((tenant) => columns<TenantDetails>(tenant, TENANT, {}))
}

/** @throws where the answer is of the wrong shape, or of another tenant */
export function tenantDetails(answer: unknown, id: string): TenantDetails {
  return columns<TenantDetails>(answer, TENANT, { id })
}

/** As `tenantDetails`, for a tenant that may not be there. */
export function tenantOrNull(answer: unknown, id: string): TenantDetails | null {
  return isNothing(answer) ? null : tenantDetails(answer, id)
}

/** Whose key a look-up has found, `null` where it has found none. */
export function storedIds(answer: unknown): { id: string; tenantId: string } | null {
  if (isNothing(answer)) return null
  const { id, tenant } = Object(answer) as { id?: unknown; tenant?: unknown }
  const { id: tenantId } = Object(tenant) as { id?: unknown }
  if (typeof id !== 'string' || typeof tenantId !== 'string') {
    throw new Error("the key store's answer is a key without its id or its tenant")
  }
  return { id, tenantId }
}

function list(answer: unknown): unknown[] {
  if (!Array.isArray(answer)) throw new Error("the key store's answer is not a list")
  return answer
}

function isNothing(answer: unknown): boolean {
  return answer === null || answer === undefined
}

function columns<Details>(
  answer: unknown,
  checks: Record<keyof Details & string, Check>,
  asked: Partial<Details>,
): Details {
  const row = Object(answer) as Record<string, unknown>
  const copy = Object.entries<Check>(checks).map(([name, check]) => {
    if (!check(row[name])) throw new Error(`the key store's answer has a wrong ${name}`)
    const value = row[name]
    const moment = momentOf(value)
    return [name, moment === undefined ? value : new Date(moment)] as const
  })
  for (const [name, value] of Object.entries(asked)) {
    if (row[name] !== value)
      throw new Error(`the key store's answer has another ${name} than the one asked for`)
  }
  return Object.fromEntries(copy) as Details
}
