/**
 * Memory identifies a key by its SHA-256 as 32 characters, one per byte. Stores identify it by the same hash in
 * hexadecimal (`hashKey`). Every request makes, hashes and compares this string, so half the length saves 1 % of the
 * request's processor time (paired runs, bench/README.md), and 32 bytes of memory per key.
 */
import { hash } from 'node:crypto'

export function digestKey(key: string): string {
  return hash('sha256', key, 'binary')
}

/** Converts memory's digest of a key to the store's hash. */
export function digestToHash(digest: string): string {
  return Buffer.from(digest, 'latin1').toString('hex')
}

/** Converts a store's hash of a key to memory's digest. */
export function hashToDigest(hash: string): string {
  return Buffer.from(hash, 'hex').toString('latin1')
}

/** Whether `hashToDigest` can convert all of it: decoding stops at the first character that is not hexadecimal. */
export function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^(?:[0-9a-f]{2})+$/i.test(value)
}
