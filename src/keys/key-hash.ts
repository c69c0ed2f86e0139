/**
 * How a key becomes the hash that a store keeps: SHA-256, or what the keys of a service were hashed with before it came to
 * this package. A property of the store, so that whoever makes keys and whoever checks them cannot differ.
 */
import { createHmac, hash as digest } from 'node:crypto'
import { badOption } from '../http/errors.ts'
import type { KeyHash, KeyStore } from '../stores/key-store.ts'
import { digestKey, hashToDigest } from './key-digest.ts'
import { hashKey } from './key-format.ts'

/** SHA-512 of the whole key. */
export const sha512KeyHash: KeyHash = (key) => digest('sha512', key, 'hex')

/**
 * An HMAC with a secret of the service's, a pepper: who has the table alone cannot tell whether a key is in it.
 *
 * ```ts
 * new MemoryKeyStore({ keyHash: hmacKeyHash(process.env.KEY_PEPPER ?? '') })
 * ```
 *
 * @param pepper 16 bytes or more, kept as long as the keys are
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
 * What a store's keys are hashed with.
 *
 * @throws `TENANT_AUTH_BAD_OPTION` where it is no hash: what shows the key, changes, or is the same for all of them
 */
export function keyHashOf(store: KeyStore): KeyHash {
  const { keyHash } = store
  if (keyHash === undefined) return hashKey
  const takes = 'a function of a key that answers its hash, 64 to 128 lower-case hexadecimal characters'
  const [first, again, other] =
    typeof keyHash === 'function' ? ['tk_1', 'tk_1', 'tk_2'].map((key) => keyHash(key)) : []
  const isHash = typeof first === 'string' && first.length % 2 === 0 && /^[0-9a-f]{64,128}$/.test(first)
  if (!isHash || first !== again || first === other || first.length !== other?.length) {
    throw badOption('keyHash', takes)
  }
  return keyHash
}

/** What memory calls a key: its hash as one character for each byte. */
export function digestOf(store: KeyStore): (key: string) => string {
  const keyHash = keyHashOf(store)
  return keyHash === hashKey ? digestKey : (key) => hashToDigest(keyHash(key))
}
