/** Checks the values of keys and tenants. Each check returns the value as it is stored, or throws `KEY_INVALID`. */
import { momentOf } from '../lib/dates.ts'
import { networksOf } from '../lib/networks.ts'
import type { KeyHash } from '../stores/key-store.ts'
import { START_PATTERN } from './key-format.ts'
import { holdsKey } from './key-text.ts'
import {
  DEFAULT_PAGE,
  ID_LENGTH,
  LAST_LENGTH,
  LAST_TIME,
  LONGEST_GRACE,
  NAME_LENGTH,
  NETWORKS,
  PAGE,
  SCOPE_LENGTH,
  SCOPES,
  START_LENGTH,
} from './limits.ts'
import { checkText, invalid, isText, refuseKeyIn } from './text.ts'

/** RFC 6749, section 3.3: printable ASCII without space, quote and backslash. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const SHOWN_LAST = /^[\x21-\x7e]*$/

/** Whether a value may be the id of a key or a tenant. A text with a key in it is not: a search would pass the key on. */
export function isId(value: unknown): value is string {
  return isText(value, ID_LENGTH) && !holdsKey(value)
}

export function checkId(name: string, value: unknown): string {
  return checkText(name, value, ID_LENGTH)
}

export function checkName(value: unknown): string {
  return checkText('name', value, NAME_LENGTH)
}

/** @param allowed the scopes that exist, `undefined` for any */
export function checkScopes(value: unknown, allowed: readonly string[] | undefined): readonly string[] {
  if (!isScopeList(value)) {
    throw invalid(
      'scopes',
      `an array of at most ${SCOPES} strings, each of 1 to ${SCOPE_LENGTH} printable ASCII characters except space, " and \\`,
    )
  }
  if (value.some(holdsKey)) refuseKeyIn('scopes')
  if (allowed !== undefined && !value.every((scope) => allowed.includes(scope))) {
    throw invalid('scopes', `among ${allowed.join(', ')}`)
  }
  return [...new Set(value)]
}

export function isScopeList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= SCOPES &&
    value.every(
      (scope) => typeof scope === 'string' && scope.length <= SCOPE_LENGTH && SCOPE_TOKEN.test(scope),
    )
  )
}

/** @returns a copy */
export function checkExpiry(value: unknown): Date | null {
  if (value === null) return null
  const time = momentOf(value) ?? Number.NaN
  if (!(time > Date.now()) || time > LAST_TIME) {
    throw invalid('expiresAt', 'null or a Date in the future, up to the year 9999')
  }
  return new Date(time)
}

/** Refuses an empty list, which could mean "none" or "any": pausing the key is "none", `null` is "any". */
export function checkNetworks(value: unknown): readonly string[] | null {
  if (value === null) return null
  const isList = Array.isArray(value) && value.length > 0 && value.length <= NETWORKS
  if (!isList || networksOf(value) === undefined) {
    throw invalid(
      'networks',
      `null for any, or an array of 1 to ${NETWORKS} addresses and CIDRs, such as 192.0.2.0/24 and 2001:db8::/32`,
    )
  }
  return [...new Set(value as string[])]
}

/** A moment in the past or the future. */
export function checkMoment(name: string, value: unknown): Date {
  const time = momentOf(value)
  if (time === undefined || time > LAST_TIME) throw invalid(name, 'a Date, up to the year 9999')
  return new Date(time)
}

export function checkFlag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false')
  return value
}

export function checkEnvironment(value: unknown, environments: readonly string[]): string {
  if (typeof value !== 'string' || !environments.includes(value)) {
    throw invalid('environment', `one of ${environments.join(', ')}`)
  }
  return value
}

/** @returns milliseconds */
export function checkGrace(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (!isWhole(value, 0, LONGEST_GRACE)) {
    throw invalid('grace', `a whole number of milliseconds, 0 to ${LONGEST_GRACE} (365 days)`)
  }
  return value
}

export function checkLimit(value: unknown = DEFAULT_PAGE): number {
  if (!isWhole(value, 1, PAGE)) throw invalid('limit', `a whole number from 1 to ${PAGE}`)
  return value
}

export function checkOptionalText(name: string, value: unknown): string | null {
  return value === null ? null : checkId(name, value)
}

/** Checks an imported key's hash and shown characters, and that `start` and `last4` do not add up to the whole key. */
export function checkImported(
  { hash, start, last4 }: Record<'hash' | 'start' | 'last4', unknown>,
  keyHash: KeyHash,
) {
  const { length } = keyHash('')
  if (typeof hash !== 'string' || hash.length !== length || !/^[0-9a-f]+$/.test(hash)) {
    throw invalid('hash', `the hash of the key, ${length} lower-case hexadecimal characters`)
  }
  if (typeof start !== 'string' || start.length > START_LENGTH || !START_PATTERN.test(start)) {
    throw invalid(
      'start',
      `the labels of the key, such as sk_live_, and at most four more characters, ${START_LENGTH} in all`,
    )
  }
  if (typeof last4 !== 'string' || last4.length > LAST_LENGTH || !SHOWN_LAST.test(last4)) {
    throw invalid('last4', `at most ${LAST_LENGTH} printable ASCII characters`)
  }
  // Tries them one after the other, and overlapping by any number of characters.
  for (let shared = 0; shared <= last4.length; shared++) {
    if (keyHash(start + last4.slice(shared)) === hash) {
      throw invalid('start', 'short enough that start and last4 together are not the whole key')
    }
  }
  return { hash, start, last4 }
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
}
