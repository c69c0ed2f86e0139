/** Checks of single options of consoleAuth. Values are not echoed: a misplaced one may be a secret. */
import { badOption } from '../http/errors.ts'

/** The most that a timer takes. */
const MAX_INTEGER = 2 ** 31 - 1

export function integerOf(
  name: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max = MAX_INTEGER,
): number {
  const number = value ?? fallback
  if (Number.isInteger(number) && number >= min && number <= max) return number
  throw badOption(name, `an integer from ${min} to ${max}`)
}

/** An option that holds others. A misspelt one that is passed over in silence would do nothing. */
export function groupOf<T extends object>(
  name: string,
  value: T | undefined,
  known: readonly (string & keyof T)[],
): Partial<T> {
  const group: unknown = value === undefined ? {} : value
  const isKnown = (key: string) => (known as readonly string[]).includes(key)
  if (typeof group === 'object' && group !== null && Object.keys(group).every(isKnown)) return group
  throw badOption(name, `an object of ${known.join(', ')}`)
}

export function secretKeyOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  // It becomes a header, and the publishable key next to it in Clerk's dashboard is the one often taken by mistake.
  if (typeof value === 'string' && /^(?!pk_)[\x21-\x7e]+$/.test(value)) return value
  throw badOption('secretKey', "Clerk's secret key (sk_…), without spaces")
}

/** @returns without a slash at its end */
export function apiUrlOf(value: unknown = 'https://api.clerk.com'): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  const isLoopback = url !== undefined && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)) {
    const path = url.pathname.replace(/\/+$/, '')
    // What stands behind `?` or `#` would swallow the path that is added, and a password would be logged with errors.
    const isBase = !/[?#]/.test(url.href) && url.username === '' && url.password === ''
    if (isBase && !path.endsWith('/v1')) return url.origin + path
  }
  throw badOption(
    'apiUrl',
    'an https:// address, or http:// on loopback (the secret key is sent there), without user, query, fragment and the /v1 that is added to it',
  )
}

export function partiesOf(value: unknown): string[] {
  if (value === false) return []
  // Clerk's own check is off for an empty list: never the way to say so.
  if (Array.isArray(value) && value.length > 0 && value.every(isOrigin)) return [...value]
  throw badOption(
    'authorizedParties',
    "a non-empty list of origins such as 'https://dashboard.example.com' (no path, no slash at the end), or false",
  )
}

/** What browsers send as an origin. Schemes of apps and browser extensions are taken as they are. */
function isOrigin(value: unknown): value is string {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  return !/^https?:/i.test(value) || new URL(value).origin === value
}

export function listOf(name: string, value: unknown): string[] | undefined {
  if (value === undefined) return undefined
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > 0 && list.every((entry) => typeof entry === 'string' && entry !== '')) {
    return [...(list as string[])]
  }
  throw badOption(name, 'a non-empty string or a non-empty list of them')
}
