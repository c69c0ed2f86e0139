/**
 * Key pairs as PEM, never as generated key objects: in Node 20, exporting one of those can deadlock if
 * garbage is collected meanwhile, since it shares a lock with the job that generated it.
 */
import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto'

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const

export interface PemPair {
  publicKey: string
  privateKey: string
}

export function rsaPair(modulusLength = 2048): PemPair {
  return generateKeyPairSync('rsa', { modulusLength, publicKeyEncoding, privateKeyEncoding })
}

export function curvePair(): PemPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding, privateKeyEncoding })
}

export function jwkOf(publicKey: string): JsonWebKey {
  return createPublicKey(publicKey).export({ format: 'jwk' })
}
