/**
 * The public keys that session tokens are verified with, checked before they are used: given a bad one, Clerk's library
 * calls every token invalid and never says why.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

/** Bits. Less is not accepted for RS256 (RFC 7518, section 3.3). */
const MIN_MODULUS = 2048

const PEM = /^-----BEGIN (RSA )?PUBLIC KEY-----(.*)-----END \1PUBLIC KEY-----$/s

/**
 * Reads a PEM as it comes out of environment variables: with newlines escaped, turned into spaces, or in quotes.
 *
 * @returns the key, or `undefined` for what is no RSA public key of at least 2048 bits
 */
export function publicKeyFromPem(text: string): JsonWebKey | undefined {
  const pem = text.replaceAll(/\\r|\\n|["']/g, ' ').trim()
  const [, pkcs1, base64 = ''] = PEM.exec(pem) ?? []
  const der = Buffer.from(base64, 'base64')
  return rsaKey(() => createPublicKey({ key: der, format: 'der', type: pkcs1 ? 'pkcs1' : 'spki' }))
}

/** @returns the key, or `undefined` for what is no RSA public key for signatures of at least 2048 bits */
export function publicKeyFromJwk(jwk: JsonWebKey): JsonWebKey | undefined {
  const { kty, n, e, use = 'sig', alg } = jwk
  if (kty !== 'RSA' || use !== 'sig') return undefined
  const key = rsaKey(() => createPublicKey({ key: { kty, n, e } as JsonWebKey, format: 'jwk' }))
  // An alg that the set states binds the key to it: the import of a key for another one fails.
  return key !== undefined && typeof alg === 'string' ? { ...key, alg } : key
}

function rsaKey(read: () => KeyObject): JsonWebKey | undefined {
  let key
  try {
    key = read()
  } catch {
    return undefined
  }
  if (key.asymmetricKeyType !== 'rsa') return undefined
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_MODULUS
    ? key.export({ format: 'jwk' })
    : undefined
}
