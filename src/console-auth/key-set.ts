/** Fetches Clerk's key set (JWKS, RFC 7517), within a time limit, and takes nothing in that is not one. */
import type { JsonWebKey } from 'node:crypto'
import { publicKeyFromJwk } from './public-key.ts'

/** By `kid`. */
export type KeySet = ReadonlyMap<string, JsonWebKey>

/** Bytes. A set of one key is about 1 KiB. */
const MAX_BYTES = 256 * 1024

export interface KeySetRequest {
  /** Of Clerk's Backend API. */
  apiUrl: string
  secretKey: string
  signal: AbortSignal
}

/** @throws where there is no answer, or none that is a key set with at least one usable key */
export async function fetchKeySet({ apiUrl, secretKey, signal }: KeySetRequest): Promise<KeySet> {
  const response = await fetch(`${apiUrl}/v1/jwks`, {
    headers: { authorization: `Bearer ${secretKey}`, accept: 'application/json' },
    // The secret key goes to the configured address and nowhere else.
    redirect: 'error',
    signal,
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`Clerk answered ${response.status} when asked for its key set`)
  }
  const keys = parse(await readBody(response))
  if (keys.size === 0) throw new Error("Clerk's key set holds no RSA key that can be used")
  return keys
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`Clerk's key set has more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): KeySet {
  const keys = new Map<string, JsonWebKey>()
  for (const jwk of listed(text)) {
    if (typeof jwk !== 'object' || jwk === null) continue
    const { kid } = jwk as { kid?: unknown }
    const key = publicKeyFromJwk(jwk as JsonWebKey)
    if (typeof kid === 'string' && key !== undefined) keys.set(kid, key)
  }
  return keys
}

function listed(text: string): readonly unknown[] {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown }
    if (Array.isArray(keys)) return keys
  } catch {
    // Said below: the parser's own message would quote the body.
  }
  throw new Error('Clerk answered something else than a key set')
}
