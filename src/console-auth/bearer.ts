/** Reads the token from `Authorization: Bearer <token>` (RFC 6750, section 2.1) and nowhere else: no cookie, no query. */
import type { FastifyRequest } from 'fastify'
import type { Refusal } from '../http/refusal.ts'
import { invalid, INVALID } from './refusals.ts'

/**
 * @param maxLength - characters
 * @returns what may be a JWT, or the refusal. The first characters rule out tenant keys and machine tokens: a JWT
 * starts with an encoded `{`
 */
export function readBearer(request: FastifyRequest, maxLength: number): string | Refusal {
  const header = request.headers.authorization
  if (header === undefined) return INVALID.missing
  // Node silently keeps the first of several Authorization headers, but a proxy in front may use the last.
  if (isRepeated(request.raw.rawHeaders)) return INVALID.repeated
  const token = header.startsWith('Bearer ey') ? header.slice(7) : credentials(header)
  if (typeof token !== 'string') return token
  if (token.length > maxLength) return invalid('too_long', { length: token.length, expected: maxLength })
  return token.startsWith('ey') ? token : INVALID.malformed
}

/** Accepts every spelling that RFC 9110, section 11.4 allows: scheme in any case, one or more spaces. */
function credentials(header: string): string | Refusal {
  const [, scheme, token] = /^(\S*) *(.*)$/s.exec(header) ?? []
  if (scheme?.toLowerCase() !== 'bearer') return INVALID.wrong_scheme
  return token ? token : INVALID.empty
}

function isRepeated(rawHeaders: readonly string[]): boolean {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    // 13 is the length of "authorization": few headers need to be lower-cased.
    if (name?.length === 13 && name.toLowerCase() === 'authorization') seen++
  }
  return seen > 1
}
