/**
 * What memory calls a key: its SHA-256 as 32 characters, one for each byte. Stores call it by the same hash in
 * hexadecimal (`hashKey`). A string of half that length is made, hashed and compared on each request, which saves 2 % of
 * a request's processor time (paired runs, docs/performance.md), and 32 bytes of memory for each key.
 */
import { hash } from 'node:crypto'

/** Between what memory and what stores call a key. */
export interface KeyNames {
  /** @param digest as `digestKey` makes it */
  toHash(digest: string): string
  /** @param hash in hexadecimal */
  toDigest(hash: string): string
}

export function digestKey(key: string): string {
  return hash('sha256', key, 'binary')
}

export const keyNames: KeyNames = {
  toHash: (digest) => Buffer.from(digest, 'latin1').toString('hex'),
  toDigest: (hash) => Buffer.from(hash, 'hex').toString('latin1'),
}
