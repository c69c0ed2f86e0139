/**
 * Keeps one frozen object in memory for what many keys have in common: a list of scopes, flat metadata, a tenant.
 * Compares the whole content, so a record that has changed shares nothing with its earlier version.
 */
import { LRUCache } from 'lru-cache'
import type { Tenant } from './verdict.ts'

/** How many values of each kind to remember, so that keys with nothing in common cost a bounded amount of memory. */
const MAX = 1_000
/** Characters of JSON. Longer values are seldom shared. */
const MAX_LENGTH = 200

const lists = new LRUCache<string, readonly string[]>({ max: MAX })
const records = new LRUCache<string, object>({ max: MAX })
const tenants = new LRUCache<string, Tenant>({ max: MAX })

/** @returns a frozen copy */
export function listOf(texts: readonly string[]): readonly string[] {
  const list = [...texts]
  return oneOf(lists, JSON.stringify(list), () => Object.freeze(list))
}

/** @param copy returns a deeply frozen copy */
export function recordOf<Value extends object>(value: object, copy: (value: object) => Value): Value {
  return isFlat(value) ? (oneOf(records, JSON.stringify(value), () => copy(value)) as Value) : copy(value)
}

/** @param tenant its metadata must come from `recordOf`, because it is compared by identity */
export function tenantOf(tenant: Tenant): Tenant {
  const before = tenants.get(tenant.id)
  if (before?.name === tenant.name && before.metadata === tenant.metadata) return before
  tenants.set(tenant.id, Object.freeze(tenant))
  return tenant
}

function oneOf<Value extends object>(
  all: LRUCache<string, Value>,
  content: string,
  make: () => Value,
): Value {
  if (content.length > MAX_LENGTH) return make()
  const before = all.get(content)
  if (before !== undefined) return before
  const value = make()
  all.set(content, value)
  return value
}

/** Whether JSON represents the value completely. */
function isFlat(value: object): boolean {
  return !('toJSON' in value) && Object.values(value).every(isSaid)
}

function isSaid(part: unknown): boolean {
  if (typeof part === 'string') return part.length <= MAX_LENGTH
  return part === null || typeof part === 'boolean' || (Number.isFinite(part) && !Object.is(part, -0))
}
