/**
 * Reads the public keys that verify session tokens, and checks them first: given a bad one, Clerk's library calls every
 * token invalid and never says why.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

/** By `kid`. */
export type KeySet = ReadonlyMap<string, JsonWebKey>

/** Bits. RS256 requires at least this many (RFC 7518, section 3.3). */
const MIN_MODULUS = 2048

const PEM = /-----BEGIN (RSA )?PUBLIC KEY-----([^-]*)-----END \1PUBLIC KEY-----/g
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Reads keys as environment variables hold them: one PEM or several, or the base64 of one alone. Newlines may be escaped
 * or turned into spaces, and the text may be in quotes.
 *
 * @returns the keys, or `undefined` if anything in the text is not an RSA public key of at least 2048 bits
 */
export function publicKeysFromText(text: string): JsonWebKey[] | undefined {
  const plain = text.replaceAll(/\\r|\\n|["']/g, ' ').trim()
  const found = plain.startsWith('-') ? [...plain.matchAll(PEM)] : [['', undefined, plain]]
  // Any text between the keys may be the rest of another one.
  if (plain.startsWith('-') && plain.replaceAll(PEM, '').trim() !== '') return undefined
  const keys = found.map(([, pkcs1, base64 = '']) =>
    publicKeyFromBase64(base64.replaceAll(/\s/g, ''), pkcs1 === undefined ? 'spki' : 'pkcs1'),
  )
  return keys.every((key) => key !== undefined) ? keys : undefined
}

function publicKeyFromBase64(base64: string, type: 'spki' | 'pkcs1'): JsonWebKey | undefined {
  const der = Buffer.from(base64, 'base64')
  // Node ignores characters that are not base64, and bytes after the key. The copy is made through a JWK because Node 24
  // cannot export a key as PKCS #1 that it has read as PKCS #1.
  const isWhole = (key: KeyObject) => {
    const copy = createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' })
    return BASE64.test(base64) && der.equals(copy.export({ format: 'der', type }))
  }
  return rsaKey(() => createPublicKey({ key: der, format: 'der', type }), isWhole)
}

/** @returns the key, or `undefined` if it is not an RSA public key for signatures of at least 2048 bits */
function publicKeyFromJwk(jwk: JsonWebKey): JsonWebKey | undefined {
  const { kty, n, e, use = 'sig', alg } = jwk
  if (kty !== 'RSA' || use !== 'sig') return undefined
  const key = rsaKey(() => createPublicKey({ key: { kty, n, e } as JsonWebKey, format: 'jwk' }))
  // If the set states an `alg`, keep it: importing the key for another algorithm then fails.
  return key !== undefined && typeof alg === 'string' ? { ...key, alg } : key
}

function rsaKey(read: () => KeyObject, isTaken = (_key: KeyObject) => true): JsonWebKey | undefined {
  let key
  try {
    key = read()
  } catch {
    return undefined
  }
  if (key.asymmetricKeyType !== 'rsa' || !isTaken(key)) return undefined
  return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_MODULUS
    ? key.export({ format: 'jwk' })
    : undefined
}

/**
 * Reads the usable keys of a key set (JWKS, RFC 7517), and ignores the others.
 *
 * @throws if it is not a key set with at least one usable key
 */
export function keySetOf(answer: unknown): KeySet {
  const listed = (answer as { keys?: unknown } | null)?.keys
  if (!Array.isArray(listed)) throw new Error("Clerk's answer is not a key set")
  const keys = new Map<string, JsonWebKey>()
  for (const jwk of listed as unknown[]) {
    if (typeof jwk !== 'object' || jwk === null) continue
    const { kid } = jwk as { kid?: unknown }
    const key = publicKeyFromJwk(jwk as JsonWebKey)
    if (typeof kid === 'string' && key !== undefined) keys.set(kid, key)
  }
  if (keys.size === 0) throw new Error("Clerk's key set has no usable RSA key")
  return keys
}

export function isSameKey(key: JsonWebKey, other: JsonWebKey | undefined): boolean {
  return key.n === other?.n && key.e === other?.e && key.alg === other?.alg
}
