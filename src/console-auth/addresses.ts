/** Addresses among the options: those that keys are fetched from, and those that can ever be in a token. */
import { badOption } from '../http/errors.ts'

/** @returns without a slash at its end */
export function apiUrl(value: unknown, name: string): string {
  const url = safeAddress(value)
  // What stands behind `?` or `#` would swallow the path that is added.
  if (url !== undefined && !/[?#]/.test(url.href)) {
    const path = url.pathname.replace(/\/+$/, '')
    if (!path.endsWith('/v1')) return url.origin + path
  }
  throw badOption(
    name,
    'an https:// address, or http:// on loopback (the secret key is sent there), without user, query, fragment and the /v1 that is added to it',
  )
}

export function jwksUrl(value: unknown, name: string): string {
  const url = safeAddress(value)
  if (url !== undefined && url.pathname !== '/' && !url.href.includes('#')) return url.href
  throw badOption(
    name,
    "the whole https:// address of a key set, such as 'https://clerk.example.com/.well-known/jwks.json', or http:// on loopback, without user and fragment",
  )
}

/** Whoever can change what comes from there can sign tokens. A password in it would be logged with errors. */
function safeAddress(value: unknown): URL | undefined {
  const url = isTrimmed(value) && URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || url.username !== '' || url.password !== '') return undefined
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback) ? url : undefined
}

/** @returns the origins, or none for any */
export function parties(value: unknown, name: string): string[] {
  if (value === false) return []
  // Clerk's own check is off for an empty list: never the way to say so.
  if (Array.isArray(value) && value.length > 0 && value.every(isOrigin)) return [...value]
  throw badOption(
    name,
    "a non-empty list of whole origins such as 'https://dashboard.example.com' (with its scheme; no path, no slash at the end, no wildcard), or false",
  )
}

/** As browsers, apps and browser extensions send it, letter for letter: nothing else is ever in a token. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/
/** Schemes of addresses that are no page's origin. */
const NO_ORIGIN = /^(?:wss?|ftp|file|blob|data|about|javascript|mailto):/

export function isOrigin(value: unknown): value is string {
  if (!isText(value, ORIGIN) || NO_ORIGIN.test(value)) return false
  return !/^https?:/.test(value) || (URL.canParse(value) && new URL(value).origin === value)
}

/** What Clerk writes into `iss`: the address of its Frontend API, which may be behind a path of a proxy. */
export function isIssuer(value: unknown): value is string {
  if (!isText(value, /^https?:\/\/[^\s*?#]*[^\s*?#/]$/) || !URL.canParse(value)) return false
  return new URL(value).href.replace(/\/$/, '') === value
}

export function isTrimmed(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.trim() === value
}

export function isText(value: unknown, form: RegExp): value is string {
  return typeof value === 'string' && form.test(value)
}
