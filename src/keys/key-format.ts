/**
 * The form of a key: `<prefix>_<environment>_<random><checksum>`.
 *
 * - random: 33 base62 characters, 196 bits
 * - checksum: CRC32 of everything before it, as 6 base62 characters (GitHub's idea). A typo or a random string is
 *   refused without I/O, and a secret scanner can check what its regular expression finds.
 *   It is not a secret and protects against nothing else.
 */
import { hash as digest, randomInt } from 'node:crypto'
import { BASE62, CHECKSUM_LENGTH, crc32, RANDOM_LENGTH } from './well-formed.ts'

export { checkForm, isWellFormed } from './well-formed.ts'

/** How many characters at the start of the random part may be shown. */
const SHOWN_LENGTH = 4

const PREFIX = '[A-Za-z](?:[0-9A-Za-z_]{0,14}[0-9A-Za-z])?'
const ENVIRONMENT = '[A-Za-z][0-9A-Za-z]{0,15}'
/** 1 to 16 letters, digits and inner `_`, starting with a letter. */
export const PREFIX_PATTERN: RegExp = new RegExp(`^${PREFIX}$`)
/** 1 to 16 letters and digits, starting with a letter. No `_`, because that ends the environment. */
export const ENVIRONMENT_PATTERN: RegExp = new RegExp(`^${ENVIRONMENT}$`)
/** The form of every key, whatever its prefix and environment, as part of a regular expression. */
export const KEY_FORM = `${PREFIX}_${ENVIRONMENT}_[0-9A-Za-z]{39}`
/**
 * What may be shown of the start of a key: its labels and up to four more characters, as `displayParts` returns them.
 * Labels may have another form (`sk-proj-`). Without labels, up to eight characters: as many as with `last4` otherwise.
 */
export const START_PATTERN: RegExp = new RegExp(
  `^(?:(?:${PREFIX}_${ENVIRONMENT}_|(?:[A-Za-z][0-9A-Za-z]{0,15}[_.:-]){0,4})[!-~]{0,4}|[!-~]{0,8})$`,
)
/**
 * Finds keys in a text, for secret scanners: `text.match(KEY_PATTERN)`. A match is a key only if its checksum is right.
 * The pattern has no look-around, because RE2 does not support it.
 */
export const KEY_PATTERN: RegExp = new RegExp(`${KEY_FORM}\\b`)

/** Makes a key from 196 random bits. */
export function generateKey(prefix: string, environment: string): string {
  let body = `${prefix}_${environment}_`
  // randomInt is unbiased and draws from a pool: 33 calls take about 5 µs.
  for (let i = 0; i < RANDOM_LENGTH; i++) body += BASE62.charAt(randomInt(BASE62.length))
  return body + checksum(body)
}

/**
 * SHA-256 of the whole key in lower-case hexadecimal. Stores keep this hash, and find keys by it.
 *
 * A fast hash is right here: look-up secrets of 112 bits or more cannot be guessed, however fast the hash
 * (NIST SP 800-63B, 5.1.2.2). `crypto.hash` is 2.5 times as fast as `createHash`.
 */
export function hashKey(key: string): string {
  return digest('sha256', key, 'hex')
}

/** What may be shown of a key: its start, up to four random characters, and its last four. */
export function displayParts(key: string): { start: string; last4: string } {
  return { start: key.slice(0, key.lastIndexOf('_') + 1 + SHOWN_LENGTH), last4: key.slice(-4) }
}

function checksum(body: string): string {
  let rest = crc32(body)
  let encoded = ''
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    encoded = BASE62.charAt(rest % 62) + encoded
    rest = Math.floor(rest / 62)
  }
  return encoded
}
