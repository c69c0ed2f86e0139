/** Checks the addresses among the options: those that keys are fetched from, and those that a token can contain. */
import { badOption } from '../http/errors.ts'

/** @returns the address without a trailing slash */
export function apiUrl(value: unknown, name: string): string {
  const url = safeAddress(value)
  // A path added after `?` or `#` would become part of the query or fragment.
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

/** Anyone who can change the response from there can sign tokens. A password in the URL would be logged with errors. */
function safeAddress(value: unknown): URL | undefined {
  const url = isTrimmed(value) && URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || url.username !== '' || url.password !== '') return undefined
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback) ? url : undefined
}

/** @returns the origins; an empty list accepts any */
export function parties(value: unknown, name: string): string[] {
  if (value === false) return []
  // An empty list would turn Clerk's own check off. Only `false` may do that.
  if (Array.isArray(value) && value.length > 0 && value.every(isOrigin)) return [...value]
  throw badOption(
    name,
    "a non-empty list of whole origins such as 'https://dashboard.example.com' (with its scheme; no path, no slash at the end, no wildcard), or false",
  )
}

/** An origin exactly as browsers, apps and browser extensions send it: a token never contains any other form. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/
/** Schemes that no page's origin has. */
const NO_ORIGIN = /^(?:wss?|ftp|file|blob|data|about|javascript|mailto):/

export function isOrigin(value: unknown): value is string {
  if (!isText(value, ORIGIN) || NO_ORIGIN.test(value)) return false
  return !/^https?:/.test(value) || (URL.canParse(value) && new URL(value).origin === value)
}

/** Clerk sets `iss` to the address of its Frontend API, which may include the path of a proxy. */
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
