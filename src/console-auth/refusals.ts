/**
 * Every refusal of consoleAuth. The reason is for logs and metrics, the details are for logs; the response distinguishes
 * only what the client may know.
 */
import { reverificationError } from '@clerk/backend/internal'
import type { Refusal } from '../http/refusal.ts'
import { RETRY_AFTER_FAILURE } from './clerk/api.ts'

const REALM = 'Bearer realm="console"'
/** RFC 6750, section 3: no `error` if no token was sent. */
const NO_TOKEN = Object.freeze({ 'www-authenticate': REALM })
const BAD_TOKEN = Object.freeze({ 'www-authenticate': `${REALM}, error="invalid_token"` })
const TOO_LITTLE = Object.freeze({ 'www-authenticate': `${REALM}, error="insufficient_scope"` })

/** The reasons for a 401. They never change once released. */
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
  /** Not a JWT: a tenant key, a machine token (`ak_`, `mt_`, `oat_`), odd characters, parts that do not decode. */
  malformed: BAD_TOKEN,
  /** Not RS256, RS384 or RS512. */
  algorithm: BAD_TOKEN,
  /** Signed with a key that Clerk does not list. */
  unknown_key: BAD_TOKEN,
  signature: BAD_TOKEN,
  expired: BAD_TOKEN,
  /** `nbf` or `iat` is in the future. */
  not_yet_valid: BAD_TOKEN,
  authorized_party: BAD_TOKEN,
  issuer: BAD_TOKEN,
  audience: BAD_TOKEN,
  /** Clerk's JWT, but not a session token: from a machine, a JWT template or OpenID Connect, or of an unknown category. */
  not_a_session: BAD_TOKEN,
  /** A session with a task still to do, which counts as signed out. */
  pending: BAD_TOKEN,
} as const

export type InvalidReason = keyof typeof REASONS

/** Refusals without details, built once. */
export const INVALID = Object.fromEntries(
  Object.entries(REASONS).map(([reason, headers]) => [
    reason,
    Object.freeze<Refusal>({ code: 'AUTH_INVALID_TOKEN', reason, headers }),
  ]),
) as Record<InvalidReason, Refusal>

/** @param detail - for the log: what was received and what was expected. No secrets: pass what was received to `told()` */
export function invalid(reason: InvalidReason, detail: Refusal['detail']): Refusal {
  return { ...INVALID[reason], detail }
}

/** Makes an untrusted value safe for a log line: it bounds the length and the characters, and removes credentials. */
export function told(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 5).map(told)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value !== 'string') return typeof value
  // Before the text is cut short: the rest of a key would no longer be recognized as one.
  return value
    .replaceAll(CREDENTIAL, '…')
    .slice(0, 100)
    .replaceAll(/[^\w./:@+…-]/g, '?')
}

/** What looks like a key or a part of a token. */
const CREDENTIAL = /[\w-]{43,}/g

/** The reasons for a 403: what the route requires and the signed-in user lacks. */
export const DEMANDS = ['role', 'permission', 'feature', 'plan', 'reverification'] as const
export type DemandName = (typeof DEMANDS)[number]

/** The route requires something of a tenant's key, which no session can have. */
export const OTHER_CREDENTIAL: Refusal = Object.freeze({
  code: 'AUTH_FORBIDDEN',
  reason: 'other_credential',
  headers: TOO_LITTLE,
})

/** @param demanded - the reverification that the route requires: it makes Clerk's front end open its dialog */
export function forbidden(reason: DemandName, demanded?: Reverification): Refusal {
  const refusal: Refusal = { code: 'AUTH_FORBIDDEN', reason, headers: TOO_LITTLE }
  return demanded === undefined ? refusal : { ...refusal, body: reverificationError(demanded) }
}

/** As `has()` takes it: a name, or a level and an age. */
export type Reverification = NonNullable<Parameters<typeof reverificationError>[0]>

/** From `getUser()`: the user was deleted after the token was issued. */
export const UNKNOWN_USER: Refusal = Object.freeze({
  code: 'AUTH_INVALID_TOKEN',
  reason: 'unknown_user',
  headers: BAD_TOKEN,
})

/** Clerk cannot be reached, so the token cannot be verified. `cause.retryAfter`, if set, is in milliseconds. */
export function unavailable(cause: unknown, detail?: Refusal['detail']): Refusal {
  const { retryAfter = RETRY_AFTER_FAILURE } = Object(cause) as { retryAfter?: number }
  const headers = { 'retry-after': String(Math.ceil(retryAfter / 1000)) }
  return { code: 'AUTH_UNAVAILABLE', reason: 'unavailable', headers, cause, ...(detail && { detail }) }
}

/** Why a session token was refused, as a stable word: the `reason` of log lines and events. */
export type ConsoleRefusalReason = InvalidReason | DemandName | 'other_credential' | 'unavailable'

export const ALL_REASONS: readonly ConsoleRefusalReason[] = [
  ...(Object.keys(REASONS) as InvalidReason[]),
  ...DEMANDS,
  'other_credential',
  'unavailable',
]
