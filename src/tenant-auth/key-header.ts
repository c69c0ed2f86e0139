/** Checks the header that should carry a tenant key, and says in one word why it does not. */
import type { IncomingHttpHeaders } from 'node:http'
import { checkForm } from '../keys/key-format.ts'

/** Characters that a key may have. */
export const MAX_LENGTH = 512
const COMMA = 0x2c

/** Why a header holds no key that is worth a look-up. */
export type HeaderRefusal =
  'missing' | 'empty' | 'repeated' | 'malformed' | 'too_long' | 'wrong_header' | 'checksum'

/**
 * Whether a header's value is worth a look-up, without a hash and without I/O.
 *
 * @returns `null` for a value that may be a key
 */
export function refuseHeader(
  value: string | string[] | undefined,
  headers: IncomingHttpHeaders,
  checksum: boolean,
): HeaderRefusal | null {
  if (typeof value !== 'string') {
    if (value !== undefined) return 'repeated'
    return headers.authorization === undefined && headers['x-api-key'] === undefined
      ? 'missing'
      : 'wrong_header'
  }
  if (checksum) {
    // The form of a key is stricter than isPlain and MAX_LENGTH, so a well-formed key is scanned only once.
    const form = checkForm(value)
    if (form === 'well formed') return null
    if (form === 'wrong checksum') return 'checksum'
  }
  if (value.length > MAX_LENGTH) return 'too_long'
  if (isPlain(value)) return checksum ? 'checksum' : null
  if (/^[ \t]*$/.test(value)) return 'empty'
  return value.includes(',') ? 'repeated' : 'malformed'
}

/**
 * Whether a value is visible ASCII without a comma: Node joins repeated headers with `, `, and no key has one.
 *
 * A loop, because entering the regular expression engine costs 2 % of a whole request that is refused.
 */
function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === COMMA) return false
  }
  return value !== ''
}
