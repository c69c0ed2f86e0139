/**
 * Verifies that a string is a session token of your Clerk instance. Clerk's `verifyJwt` does the cryptography and most
 * checks of registered claims. This file refuses what `verifyJwt` lets through: tokens of machines, JWT templates and
 * OpenID Connect, nonsensical headers and times, and a missing audience if you require one. It also checks the origin, because
 * `verifyJwt` cannot express "one of these origins, or none".
 */
import type { JsonWebKey } from 'node:crypto'
import type { UserJSON } from '@clerk/backend'
import { TokenVerificationErrorReason as Why } from '@clerk/backend/errors'
// Not verifyToken: it needs a PEM of exactly 2048 bits, and with any other it silently calls every token invalid.
import { verifyJwt } from '@clerk/backend/jwt'
import type { Refusal } from '../http/refusal.ts'
import { type ConsoleUser, consoleUser, type SessionClaims } from './console-user.ts'
import type { TokenRules } from './options.ts'
import { isSameKey } from './clerk/public-keys.ts'
import { invalid, INVALID, told, unavailable } from './refusals.ts'
import { CoolDownError, type RemoteKey, type RemoteKeys } from './clerk/remote-keys.ts'

/** The user of a verified token, and how long the verification holds (milliseconds since 1970). */
export interface Session {
  readonly user: ConsoleUser
  readonly from: number
  readonly until: number
}

export interface TokenVerification {
  rules: TokenRules
  keys: {
    /** All are tried for each token, because a PEM has no key id. */
    fixed: readonly JsonWebKey[]
    /** Used if none of them fits. */
    remote: Pick<RemoteKeys, 'find'> | undefined
  }
  fetchUser: (id: string) => Promise<UserJSON>
}

const JWT_FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/
const ALGORITHMS: ReadonlySet<unknown> = new Set(['RS256', 'RS384', 'RS512'])
/** The header `cat`: none in older tokens, that of session tokens, and the one that Clerk's own code ignores. */
const CATEGORIES: ReadonlySet<unknown> = new Set([undefined, 'cl_B7d4PD111AAA', 'cl_I7d4PD111III'])

/** Never rejects. */
export async function verifySession(
  token: string,
  verification: TokenVerification,
): Promise<Session | Refusal> {
  if (!JWT_FORM.test(token)) return invalid('malformed', { rule: 'form' })
  const [head = '', payload = ''] = token.split('.', 2)
  const header = decode(head)
  if (header === undefined) return invalid('malformed', { rule: 'header' })
  const { alg, cat, crit, kid, typ } = header
  if (!ALGORITHMS.has(alg)) return invalid('algorithm', { alg: told(alg) })
  // RFC 7515, section 4.1.11: a critical extension that the verifier does not understand makes the token invalid.
  if (crit !== undefined) return invalid('not_a_session', { rule: 'crit', crit: told(crit) })
  if (!CATEGORIES.has(cat)) return invalid('not_a_session', { rule: 'cat', cat: told(cat) })
  if (typ !== undefined && typ !== 'JWT') return invalid('malformed', { rule: 'typ', typ: told(typ) })
  const claims = decode(payload)
  if (claims === undefined) return invalid('malformed', { rule: 'payload' })
  const odd = oddClaim(claims)
  if (odd !== undefined) return invalid('malformed', { rule: odd })
  const verified = await verifySignature(token, kid, claims, verification)
  if (!('claims' in verified)) return verified
  const refusal = checkClaims(verified.claims, verification.rules)
  return refusal ?? toSession(verified, verification)
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Names a malformed claim. Clerk's check lets some through: every comparison with an invalid date is false. */
function oddClaim({ sub, exp, nbf = 0, iat = 0 }: Record<string, unknown>): string | undefined {
  if (typeof sub !== 'string') return 'sub'
  return Object.entries({ exp, nbf, iat }).find(([, at]) => !isTime(at))?.[0]
}

/** Seconds since 1970, within what a `Date` can hold. */
function isTime(seconds: unknown): boolean {
  return typeof seconds === 'number' && Math.abs(seconds) < 8.64e12
}

interface Verified {
  claims: SessionClaims
  /** Until when the key is known to be good, in milliseconds since 1970. */
  keyUntil: number
}

async function verifySignature(
  token: string,
  kid: unknown,
  claims: Record<string, unknown>,
  { rules, keys }: TokenVerification,
): Promise<Verified | Refusal> {
  const wrong = invalid('signature', { kid: told(kid) })
  for (const key of keys.fixed) {
    const outcome = await verifyWith({ key, until: Infinity }, token, claims, rules)
    if (outcome !== undefined) return outcome
  }
  if (keys.remote === undefined) return wrong
  let found
  try {
    found = typeof kid === 'string' ? await keys.remote.find(kid) : undefined
  } catch (error) {
    const detail = { kid: told(kid) }
    if (!(error instanceof CoolDownError)) return unavailable(error, detail)
    // Any stranger can cause one, so it gets no warning and leaves no error to serialize.
    return { ...unavailable(error, { rule: 'cooldown', ...detail }), cause: undefined }
  }
  if (found === undefined) return invalid('unknown_key', { kid: told(kid) })
  if (keys.fixed.some((key) => isSameKey(key, { ...found.key, alg: undefined as never }))) return wrong
  return (await verifyWith(found, token, claims, rules)) ?? wrong
}

/** @returns `undefined` if the signature is not this key's */
async function verifyWith(
  { key, until }: RemoteKey,
  token: string,
  claims: Record<string, unknown>,
  { clockSkew, issuer }: TokenRules,
): Promise<Verified | Refusal | undefined> {
  try {
    const options = { key, clockSkewInMs: clockSkew, ...(issuer && { issuer }) }
    return { claims: await verifyJwt(token, options), keyUntil: until }
  } catch (error) {
    const { exp, nbf, iat, iss } = claims
    switch ((error as { reason?: string }).reason) {
      case Why.TokenExpired:
        return invalid('expired', time('exp', exp, -1))
      case Why.TokenNotActiveYet:
        return invalid('not_yet_valid', time('nbf', nbf, 1))
      case Why.TokenIatInTheFuture:
        return invalid('not_yet_valid', time('iat', iat, 1))
      case Why.TokenInvalidIssuer:
        return invalid('issuer', { iss: told(iss), expected: issuer })
      default:
        // Another key's signature, or a key for another algorithm.
        return undefined
    }
  }
}

/** `seconds` is computed whenever it is read, because the refusal may be remembered. */
function time(claim: string, at: unknown, sign: 1 | -1): Refusal['detail'] {
  return {
    claim,
    at,
    /** How late or early the token is. */
    get seconds() {
      return Math.round(sign * (Number(at) - Date.now() / 1000))
    },
  }
}

/** Checks the claims of a token whose signature is good. */
function checkClaims(claims: SessionClaims, rules: TokenRules): Refusal | undefined {
  const { authorizedParties, allowMissingParty, audience, allowPending } = rules
  const { azp, sub, sid, aud, act, sts = 'active' } = claims
  if (authorizedParties.length > 0 && !(allowMissingParty && isMissing(azp))) {
    const isListed = typeof azp === 'string' && authorizedParties.includes(azp)
    if (!isListed) return invalid('authorized_party', { azp: told(azp), expected: authorizedParties })
  }
  const broken = Object.entries({
    // An OpenID Connect id token may be signed with the same key, and other parties see it.
    nonce: !('nonce' in claims),
    at_hash: !('at_hash' in claims),
    sub: sub.startsWith('user_'),
    sid: typeof sid === 'string' && sid !== '',
    sts: sts === 'active' || sts === 'pending',
    // The user is impersonated, but the token does not say by whom.
    act: act === undefined || act === null || isActor(act),
  }).find(([, holds]) => !holds)
  if (broken !== undefined) return invalid('not_a_session', { rule: broken[0] })
  if (sts === 'pending' && !allowPending) return INVALID.pending
  if (audience !== undefined && ![aud].flat().some((name) => audience.includes(name as string))) {
    return invalid('audience', { aud: told(aud), expected: audience })
  }
  return undefined
}

function toSession({ claims, keyUntil }: Verified, { rules, fetchUser }: TokenVerification): Session {
  // Clerk's types require both, but not every token has them.
  const { nbf = 0, iat = 0 } = claims as { nbf?: number; iat?: number }
  return {
    user: consoleUser(claims, fetchUser),
    from: Math.max(nbf, iat) * 1000 - rules.clockSkew,
    until: Math.min(claims.exp * 1000 + rules.clockSkew, keyUntil),
  }
}

/** Clerk's tokens for native apps have no `azp`, or an empty one. */
function isMissing(azp: unknown): boolean {
  return azp === undefined || azp === ''
}

function isActor(act: unknown): boolean {
  const { sub } = Object(act) as { sub?: unknown }
  return typeof sub === 'string' && sub !== ''
}
