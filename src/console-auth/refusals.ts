/**
 * Every way in which consoleAuth refuses, each built once: the reason word is for logs and metrics, the answer tells
 * apart only what the client may know.
 */
import type { Refusal } from '../http/refusal.ts'

const REALM = 'Bearer realm="console"'
/** RFC 6750, section 3: no `error` where no token was sent. */
const NO_TOKEN = Object.freeze({ 'www-authenticate': REALM })
const BAD_TOKEN = Object.freeze({ 'www-authenticate': `${REALM}, error="invalid_token"` })
const TOO_LITTLE = Object.freeze({ 'www-authenticate': `${REALM}, error="insufficient_scope"` })
/** Seconds. As long as consoleAuth itself waits after a failure before it asks Clerk again. */
const LATER = Object.freeze({ 'retry-after': '1' })

/** The reason words of consoleAuth. They never change once released. */
export const REASONS = {
  /** No `Authorization` header. */
  missing: NO_TOKEN,
  /** `Bearer` and nothing after it. */
  empty: NO_TOKEN,
  /** Another scheme than `Bearer`, or none. */
  wrong_scheme: NO_TOKEN,
  /** More than one `Authorization` header. */
  repeated: BAD_TOKEN,
  /** A token of more than 8 KiB. */
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

export const INVALID = Object.fromEntries(
  Object.entries(REASONS).map(([reason, headers]) => [
    reason,
    Object.freeze<Refusal>({ code: 'AUTH_INVALID_TOKEN', reason, headers }),
  ]),
) as Record<InvalidReason, Refusal>

/** Signed in, and lacking what the route demands. */
export const FORBIDDEN = {
  role: Object.freeze({ code: 'AUTH_FORBIDDEN', reason: 'role', headers: TOO_LITTLE }),
  permission: Object.freeze({ code: 'AUTH_FORBIDDEN', reason: 'permission', headers: TOO_LITTLE }),
  /** The route demands something of a tenant's key, which no session can meet. */
  other_credential: Object.freeze({
    code: 'AUTH_FORBIDDEN',
    reason: 'other_credential',
    headers: TOO_LITTLE,
  }),
} as const satisfies Record<string, Refusal>

/** From `getUser()`: deleted after the token was issued. */
export const UNKNOWN_USER: Refusal = Object.freeze({
  code: 'AUTH_INVALID_TOKEN',
  reason: 'unknown_user',
  headers: BAD_TOKEN,
})

/** Clerk cannot be reached, so nobody knows whether the token is good. */
export function unavailable(cause: unknown): Refusal & { cause: unknown } {
  return { code: 'AUTH_UNAVAILABLE', reason: 'unavailable', headers: LATER, cause }
}

export type ConsoleRefusalReason = InvalidReason | keyof typeof FORBIDDEN | 'unavailable'

export function zeroCounts(): Record<ConsoleRefusalReason, number> {
  const reasons = [...Object.keys(INVALID), ...Object.keys(FORBIDDEN), 'unavailable']
  return Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<ConsoleRefusalReason, number>
}
