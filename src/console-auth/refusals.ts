/**
 * Every way in which consoleAuth refuses: the reason word is for logs and metrics, and so are the details beside it; the
 * answer tells apart only what the client may know.
 */
import { reverificationError } from '@clerk/backend/internal'
import type { Refusal } from '../http/refusal.ts'
import { RETRY_AFTER_FAILURE } from './clerk/api.ts'

const REALM = 'Bearer realm="console"'
/** RFC 6750, section 3: no `error` where no token was sent. */
const NO_TOKEN = Object.freeze({ 'www-authenticate': REALM })
const BAD_TOKEN = Object.freeze({ 'www-authenticate': `${REALM}, error="invalid_token"` })
const TOO_LITTLE = Object.freeze({ 'www-authenticate': `${REALM}, error="insufficient_scope"` })

/** The words for a 401. They never change once released. */
export const REASONS = {
  /** No `Authorization` header. */
  missing: NO_TOKEN,
  /** `Bearer` and nothing after it. */
  empty: NO_TOKEN,
  /** Another scheme than `Bearer`, or none. */
  wrong_scheme: NO_TOKEN,
  /** More than one `Authorization` header. */
  repeated: BAD_TOKEN,
  /** A token of more than `maxTokenLength` characters. */
  too_long: BAD_TOKEN,
  /** No JWT: a tenant key, a machine token (`ak_`, `mt_`, `oat_`), odd characters, parts that do not decode. */
  malformed: BAD_TOKEN,
  /** Not RS256, RS384 or RS512. */
  algorithm: BAD_TOKEN,
  /** Signed with a key that Clerk does not list. */
  unknown_key: BAD_TOKEN,
  signature: BAD_TOKEN,
  expired: BAD_TOKEN,
  /** `nbf` or `iat` lie in the future. */
  not_yet_valid: BAD_TOKEN,
  authorized_party: BAD_TOKEN,
  issuer: BAD_TOKEN,
  audience: BAD_TOKEN,
  /** A JWT of Clerk's that is no session token: a machine's, of a JWT template or OpenID Connect, an unknown category. */
  not_a_session: BAD_TOKEN,
  /** A session with a task still to do, which counts as signed out. */
  pending: BAD_TOKEN,
} as const

export type InvalidReason = keyof typeof REASONS

/** Without details, built once. */
export const INVALID = Object.fromEntries(
  Object.entries(REASONS).map(([reason, headers]) => [
    reason,
    Object.freeze<Refusal>({ code: 'AUTH_INVALID_TOKEN', reason, headers }),
  ]),
) as Record<InvalidReason, Refusal>

/** @param detail - for the log: what came, and what was expected. Nothing secret; what came goes through `told()` */
export function invalid(reason: InvalidReason, detail: Refusal['detail']): Refusal {
  return { ...INVALID[reason], detail }
}

/** What a log line says of text that anybody may have written: bounded, of few characters, and no credential. */
export function told(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 5).map(told)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value !== 'string') return typeof value
  // Before anything is cut off: the rest of a key would be no key any more.
  return value
    .replaceAll(CREDENTIAL, '…')
    .slice(0, 100)
    .replaceAll(/[^\w./:@+…-]/g, '?')
}

/** What looks like a key or a part of a token. */
const CREDENTIAL = /[\w-]{43,}/g

/** Signed in, and lacking what the route demands: the words for a 403. */
export const DEMANDS = ['role', 'permission', 'feature', 'plan', 'reverification'] as const
export type DemandName = (typeof DEMANDS)[number]

/** The route demands something of a tenant's key, which no session can meet. */
export const OTHER_CREDENTIAL: Refusal = Object.freeze({
  code: 'AUTH_FORBIDDEN',
  reason: 'other_credential',
  headers: TOO_LITTLE,
})

/** @param demanded - of a reverification: Clerk's front end opens its dialog at the sight of it */
export function forbidden(reason: DemandName, demanded?: Reverification): Refusal {
  const refusal: Refusal = { code: 'AUTH_FORBIDDEN', reason, headers: TOO_LITTLE }
  return demanded === undefined ? refusal : { ...refusal, body: reverificationError(demanded) }
}

/** As `has()` takes it: a name, or a level and an age. */
export type Reverification = NonNullable<Parameters<typeof reverificationError>[0]>

/** From `getUser()`: deleted after the token was issued. */
export const UNKNOWN_USER: Refusal = Object.freeze({
  code: 'AUTH_INVALID_TOKEN',
  reason: 'unknown_user',
  headers: BAD_TOKEN,
})

/** Clerk cannot be reached, so nobody knows whether the token is good. When to try again, `cause` may say (milliseconds). */
export function unavailable(cause: unknown, detail?: Refusal['detail']): Refusal {
  const { retryAfter = RETRY_AFTER_FAILURE } = Object(cause) as { retryAfter?: number }
  const headers = { 'retry-after': String(Math.ceil(retryAfter / 1000)) }
  return { code: 'AUTH_UNAVAILABLE', reason: 'unavailable', headers, cause, ...(detail && { detail }) }
}

/** The stable word for why a session token was refused: the `reason` of log lines and events. */
export type ConsoleRefusalReason = InvalidReason | DemandName | 'other_credential' | 'unavailable'

export const ALL_REASONS: readonly ConsoleRefusalReason[] = [
  ...(Object.keys(REASONS) as InvalidReason[]),
  ...DEMANDS,
  'other_credential',
  'unavailable',
]
