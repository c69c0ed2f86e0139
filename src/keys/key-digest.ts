/**
 * What memory calls a key: its SHA-256 as 32 characters, one for each byte. Stores call it by the same hash in
 * hexadecimal (`hashKey`). A string of half that length, made, hashed and compared on each request, saves 1 % of the
 * request's processor time (paired runs, bench/README.md), and 32 bytes of memory for each key.
 */
import { hash } from 'node:crypto'

export function digestKey(key: string): string {
  return hash('sha256', key, 'binary')
}

/** What a store calls the key that memory calls by this digest. */
export function digestToHash(digest: string): string {
  return Buffer.from(digest, 'latin1').toString('hex')
}

/** What memory calls the key that a store calls by this hash. */
export function hashToDigest(hash: string): string {
  return Buffer.from(hash, 'hex').toString('latin1')
}

/** Whether `hashToDigest` reads it to its end: it passes over what is no hexadecimal, such as base64 or a prefix. */
export function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^(?:[0-9a-f]{2})+$/i.test(value)
}
