/**
 * Hashes a key for the store: with SHA-256, or with the hash that a service used before it adopted this package. The
 * hash is a property of the store, so that the code that makes keys and the code that checks them cannot differ.
 */
import { createHmac, hash as digest } from 'node:crypto'
import { badOption } from '../http/errors.ts'
import type { KeyHash, KeyStore } from '../stores/key-store.ts'
import { digestKey, hashToDigest } from './key-digest.ts'
import { hashKey } from './key-format.ts'

/** SHA-512 of the whole key. */
export const sha512KeyHash: KeyHash = (key) => digest('sha512', key, 'hex')

/**
 * An HMAC with the service's secret, a pepper. Without the pepper, nobody can check whether the table contains a key.
 *
 * ```ts
 * new MemoryKeyStore({ keyHash: hmacKeyHash(process.env.KEY_PEPPER ?? '') })
 * ```
 *
 * @param pepper 16 bytes or more. Keep it for as long as you keep the keys
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function hmacKeyHash(pepper: string | Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): KeyHash {
  const secret = typeof pepper === 'string' ? Buffer.from(pepper) : Buffer.from(pepper ?? [])
  if (secret.length < 16) throw badOption('hmacKeyHash: pepper', 'a secret of 16 bytes or more')
  if (!['sha256', 'sha512'].includes(algorithm))
    throw badOption('hmacKeyHash: algorithm', "'sha256' or 'sha512'")
  return (key) => createHmac(algorithm, secret).update(key).digest('hex')
}

/**
 * The hash function for a store's keys. Default: `hashKey`.
 *
 * @throws `TENANT_AUTH_BAD_OPTION` if it is not a hash: it returns the key, or changes, or is the same for every key
 */
export function keyHashOf(store: KeyStore): KeyHash {
  const { keyHash } = store
  if (keyHash === undefined) return hashKey
  const takes =
    'a function that returns a hash of the key, always the same: 64 to 128 lower-case hexadecimal characters'
  const [first, again, other] =
    typeof keyHash === 'function' ? ['tk_1', 'tk_1', 'tk_2'].map((key) => keyHash(key)) : []
  const isHash = typeof first === 'string' && first.length % 2 === 0 && /^[0-9a-f]{64,128}$/.test(first)
  if (!isHash || first !== again || first === other || first.length !== other?.length) {
    throw badOption('keyHash', takes)
  }
  return keyHash
}

/** How memory identifies a store's keys: by their hash, as one character per byte. */
export function digestOf(store: KeyStore): (key: string) => string {
  const keyHash = keyHashOf(store)
  return keyHash === hashKey ? digestKey : (key) => hashToDigest(keyHash(key))
}
