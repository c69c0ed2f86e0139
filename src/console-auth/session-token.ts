/**
 * Is this string a session token of ours? Cryptography and the checks of registered claims are Clerk's; what stands here
 * is what its `verifyJwt` lets through: tokens of machines, of JWT templates and of OpenID Connect, headers and times that
 * make no sense, no audience where one is demanded.
 */
import type { JsonWebKey } from 'node:crypto'
import type { UserJSON } from '@clerk/backend'
import { TokenVerificationErrorReason as Why } from '@clerk/backend/errors'
// Not verifyToken: the PEM it takes must be of exactly 2048 bits, others silently make every token invalid.
import { verifyJwt } from '@clerk/backend/jwt'
import type { Refusal } from '../http/refusal.ts'
import { type ConsoleUser, consoleUser, type SessionClaims } from './console-user.ts'
import type { TokenRules } from './options.ts'
import { INVALID, type InvalidReason, unavailable } from './refusals.ts'

/** A token that was verified, and the time (milliseconds since 1970) within which that holds. */
export interface Session {
  readonly user: ConsoleUser
  readonly notBefore: number
  readonly notAfter: number
}

export interface TokenVerification {
  rules: TokenRules
  /** @throws where the key cannot be had */
  findKey: (kid: unknown) => JsonWebKey | undefined | Promise<JsonWebKey | undefined>
  fetchUser: (id: string) => Promise<UserJSON>
}

const JWT_FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/
const ALGORITHMS: ReadonlySet<unknown> = new Set(['RS256', 'RS384', 'RS512'])
/** The header `cat` of session tokens, and the one that Clerk's own code passes over. Older tokens have none. */
const CATEGORIES: ReadonlySet<unknown> = new Set([undefined, 'cl_B7d4PD111AAA', 'cl_I7d4PD111III'])

const REASON_OF: Readonly<Record<string, InvalidReason>> = {
  [Why.TokenExpired]: 'expired',
  [Why.TokenNotActiveYet]: 'not_yet_valid',
  [Why.TokenIatInTheFuture]: 'not_yet_valid',
  [Why.TokenInvalidSignature]: 'signature',
  [Why.TokenInvalidAuthorizedParties]: 'authorized_party',
  [Why.TokenInvalidIssuer]: 'issuer',
}

/** Never rejects. */
export async function verifySession(
  token: string,
  { rules, findKey, fetchUser }: TokenVerification,
): Promise<Session | Refusal> {
  const header = JWT_FORM.test(token) ? decodeHeader(token) : undefined
  if (header === undefined) return INVALID.malformed
  if (!ALGORITHMS.has(header.alg)) return INVALID.algorithm
  // RFC 7515, section 4.1.11: an extension marked as critical and not understood makes the token invalid.
  if (header.crit !== undefined || !CATEGORIES.has(header.cat)) return INVALID.not_a_session
  let key
  try {
    key = await findKey(header.kid)
  } catch (error) {
    return unavailable(error)
  }
  if (key === undefined) return INVALID.unknown_key
  try {
    const { authorizedParties, clockSkew, issuer } = rules
    // The audience is checked below, because a token without any passes Clerk's check.
    const options = { key, authorizedParties, clockSkewInMs: clockSkew, ...(issuer && { issuer }) }
    return toSession(await verifyJwt(token, options), rules, fetchUser)
  } catch (error) {
    return INVALID[REASON_OF[(error as { reason?: string }).reason ?? ''] ?? 'malformed']
  }
}

function decodeHeader(token: string): Record<string, unknown> | undefined {
  try {
    const json = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()
    const header: unknown = JSON.parse(json)
    return typeof header === 'object' && header !== null ? (header as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function toSession(
  claims: SessionClaims,
  { allowPending, audience, clockSkew }: TokenRules,
  fetchUser: (id: string) => Promise<UserJSON>,
): Session | Refusal {
  const { sub, sid, aud, act, sts = 'active', exp } = claims
  // Typed as though every token had them.
  const starts: { nbf?: number; iat?: number } = claims
  const { nbf = 0, iat = 0 } = starts
  // Clerk's check lets them through: every comparison with a date that is none is false.
  if (![exp, nbf, iat].every(isTime)) return INVALID.malformed
  // An id token of OpenID Connect may be signed with the same key, and is shown to other parties.
  if ('nonce' in claims || 'at_hash' in claims) return INVALID.not_a_session
  if (!sub.startsWith('user_') || typeof sid !== 'string' || sid === '') return INVALID.not_a_session
  if (sts !== 'active' && sts !== 'pending') return INVALID.not_a_session
  if (sts === 'pending' && !allowPending) return INVALID.pending
  // Somebody impersonates the user, and nobody could say who.
  if (act !== undefined && act !== null && !isActor(act)) return INVALID.not_a_session
  if (audience !== undefined && ![aud].flat().some((name) => audience.includes(name as string))) {
    return INVALID.audience
  }
  return {
    user: consoleUser(claims, fetchUser),
    notBefore: Math.max(nbf, iat) * 1000 - clockSkew,
    notAfter: exp * 1000 + clockSkew,
  }
}

function isActor(act: unknown): boolean {
  const { sub } = Object(act) as { sub?: unknown }
  return typeof sub === 'string' && sub !== ''
}

/** Seconds since 1970, within what a `Date` can hold. */
function isTime(seconds: unknown): boolean {
  return typeof seconds === 'number' && Math.abs(seconds) < 8.64e12
}
