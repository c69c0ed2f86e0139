/** Fetches Clerk's key set (JWKS, RFC 7517), and takes nothing in that is not one. */
import type { JsonWebKey } from 'node:crypto'
import { askClerk, type BackendApi } from './backend-api.ts'
import { publicKeyFromJwk } from './public-key.ts'

/** By `kid`. */
export type KeySet = ReadonlyMap<string, JsonWebKey>

/** @throws where there is no answer, or none that is a key set with at least one usable key */
export async function fetchKeySet(api: BackendApi, signal: AbortSignal): Promise<KeySet> {
  const keys = parse(await askClerk(api, 'jwks', signal))
  if (keys.size === 0) throw new Error("Clerk's key set holds no RSA key that can be used")
  return keys
}

function parse(answer: unknown): KeySet {
  const listed = (answer as { keys?: unknown } | null)?.keys
  if (!Array.isArray(listed)) throw new Error('Clerk answered something else than a key set')
  const keys = new Map<string, JsonWebKey>()
  for (const jwk of listed as unknown[]) {
    if (typeof jwk !== 'object' || jwk === null) continue
    const { kid } = jwk as { kid?: unknown }
    const key = publicKeyFromJwk(jwk as JsonWebKey)
    if (typeof kid === 'string' && key !== undefined) keys.set(kid, key)
  }
  return keys
}
