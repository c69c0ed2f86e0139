/** What the values of keys and tenants must be. Each check answers the value as it is stored, or throws `KEY_INVALID`. */
import { isDeepStrictEqual } from 'node:util'
import { TenantAuthError } from '../http/errors.ts'
import { hashKey } from './key-format.ts'

const NAME_LENGTH = 100
const ID_LENGTH = 200
const SCOPE_LENGTH = 100
const SCOPES = 100
const METADATA_BYTES = 4_096
const LONGEST_GRACE = 366 * 24 * 3_600_000
/** The last millisecond of 9999: what every database can hold. */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** RFC 6749, section 3.3: printable ASCII without space, quote and backslash. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
/**
 * Control characters and separators of lines forge log lines, those of writing direction make a name look like another
 * one, and half a surrogate pair is no text.
 */
const NO_TEXT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
const HALF_A_PAIR = /\p{Cs}/u

export function invalid(name: string, takes: string): TenantAuthError {
  return new TenantAuthError('KEY_INVALID', `${name} must be ${takes}`)
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= max && !NO_TEXT.test(value)
}

/** Whether a value may be the id of a key or a tenant. */
export function isId(value: unknown): value is string {
  return isText(value, ID_LENGTH)
}

export function checkId(name: string, value: unknown): string {
  if (!isId(value)) throw invalid(name, `a string of 1 to ${ID_LENGTH} characters without control characters`)
  return value
}

export function checkName(value: unknown): string {
  if (!isText(value, NAME_LENGTH)) {
    throw invalid('name', `a string of 1 to ${NAME_LENGTH} characters without control characters`)
  }
  return value
}

/** @param allowed where it is given, the only scopes there are */
export function checkScopes(value: unknown, allowed: readonly string[] | undefined): readonly string[] {
  if (!isScopeList(value)) {
    throw invalid(
      'scopes',
      `an array of at most ${SCOPES} strings, each of 1 to ${SCOPE_LENGTH} printable ASCII characters but space, " and \\`,
    )
  }
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

export function checkExpiry(value: unknown): Date | null {
  if (value === null) return null
  if (!(value instanceof Date) || !(value.getTime() > Date.now()) || value.getTime() > LAST_TIME) {
    throw invalid('expiresAt', 'null or a Date in the future, up to the year 9999')
  }
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
    throw invalid('grace', 'a whole number of milliseconds, from 0 to those of a year')
  }
  return value
}

export function checkLimit(value: unknown = 50): number {
  if (!isWhole(value, 1, 100)) throw invalid('limit', 'a whole number from 1 to 100')
  return value
}

export function checkOptionalText(name: string, value: unknown): string | null {
  return value === null ? null : checkId(name, value)
}

/** What is known of a key that was made elsewhere, and never all of it: what is shown must not add up to the key. */
export function checkImported({ hash, start, last4 }: Record<'hash' | 'start' | 'last4', unknown>) {
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) {
    throw invalid('hash', 'the SHA-256 of the key, 64 lower-case hexadecimal characters')
  }
  if (!isShown(start, 40)) throw invalid('start', 'at most 40 printable ASCII characters')
  if (!isShown(last4, 4)) throw invalid('last4', 'at most 4 printable ASCII characters')
  // One after the other, and with the end of the one the beginning of the other.
  for (let shared = 0; shared <= last4.length; shared++) {
    if (start.endsWith(last4.slice(0, shared)) && hashKey(start + last4.slice(shared)) === hash) {
      throw invalid('start', 'far from the whole key, with last4 as well')
    }
  }
  return { hash, start, last4 }
}

function isShown(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max && /^[\x21-\x7e]*$/.test(value)
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
}

/** Metadata is what JSON can say without loss: a class, a `Date`, `undefined` or a cycle would not come back as it went. */
export function checkMetadata(value: unknown): object {
  const copy = jsonCopy(value)
  if (copy === undefined) {
    throw invalid('metadata', `a plain object that survives JSON, of at most ${METADATA_BYTES} bytes in it`)
  }
  return copy
}

function jsonCopy(value: unknown): object | undefined {
  try {
    const json = JSON.stringify(value)
    if (Buffer.byteLength(json) > METADATA_BYTES) return undefined
    const copy: unknown = JSON.parse(json, (key, item: unknown) => {
      if (!isStorable(key) || (typeof item === 'string' && !isStorable(item))) throw new Error('no text')
      return item
    })
    const isObject = typeof copy === 'object' && copy !== null && !Array.isArray(copy)
    return isObject && isDeepStrictEqual(copy, value) ? copy : undefined
  } catch {
    // A cycle, a BigInt, a getter or `toJSON` that throws, nothing that JSON can say at all.
    return undefined
  }
}

/** PostgreSQL, for one, holds neither in JSON. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && !HALF_A_PAIR.test(text)
}
