/**
 * What is alike for many keys is one frozen object in memory: a list of scopes, flat metadata, a tenant. By all of its
 * content, so that a record that was changed shares nothing with what it was before.
 */
import { LRUCache } from 'lru-cache'
import type { Tenant } from './verdict.ts'

/** Contents of each kind that are remembered: what keys that have nothing alike cost is bounded. */
const MAX = 1_000
/** Characters as JSON: what is longer is seldom alike. */
const MAX_LENGTH = 200

const lists = new LRUCache<string, readonly string[]>({ max: MAX })
const records = new LRUCache<string, object>({ max: MAX })
const tenants = new LRUCache<string, Tenant>({ max: MAX })

/** @returns a frozen copy */
export function listOf(texts: readonly string[]): readonly string[] {
  const list = [...texts]
  return oneOf(lists, JSON.stringify(list), () => Object.freeze(list))
}

/** @param copy makes one that is frozen through and through */
export function recordOf<Value extends object>(value: object, copy: (value: object) => Value): Value {
  return isFlat(value) ? (oneOf(records, JSON.stringify(value), () => copy(value)) as Value) : copy(value)
}

/** @param tenant with metadata of `recordOf` */
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

/** Whether JSON says all there is. */
function isFlat(value: object): boolean {
  return !('toJSON' in value) && Object.values(value).every(isSaid)
}

function isSaid(part: unknown): boolean {
  if (typeof part === 'string') return part.length <= MAX_LENGTH
  return part === null || typeof part === 'boolean' || (Number.isFinite(part) && !Object.is(part, -0))
}
