/**
 * Checks the keys and tenants that a store returns, and copies them column by column. Anything beyond the contract, such
 * as a hash, is left out.
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
 * @param asked the values that the answer must have
 * @throws if the answer has the wrong shape, or is another key
 */
export function keyDetails(answer: unknown, asked: { id?: string; tenantId?: string }): KeyDetails {
  return columns<KeyDetails>(answer, KEY, asked)
}

/** Like `keyDetails`, for a key that may not exist. */
export function keyOrNull(answer: unknown, id: string): KeyDetails | null {
  return isNothing(answer) ? null : keyDetails(answer, { id })
}

/** @throws if the answer is not a list of keys, or one of them belongs to another tenant */
export function keyList(answer: unknown, tenantId: string | undefined): KeyDetails[] {
  return list(answer).map((key) => keyDetails(key, tenantId === undefined ? {} : { tenantId }))
}

export function tenantList(answer: unknown): TenantDetails[] {
  return list(answer).map((tenant) => columns<TenantDetails>(tenant, TENANT, {}))
}

/** @throws if the answer has the wrong shape, or is another tenant */
export function tenantDetails(answer: unknown, id: string): TenantDetails {
  return columns<TenantDetails>(answer, TENANT, { id })
}

/** Like `tenantDetails`, for a tenant that may not exist. */
export function tenantOrNull(answer: unknown, id: string): TenantDetails | null {
  return isNothing(answer) ? null : tenantDetails(answer, id)
}

/** The ids of the key and of the tenant that a look-up found, `null` if it found none. */
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
