/** Where the keys that verify tokens come from: the one of the options, or Clerk's key set. */
import type { JsonWebKey } from 'node:crypto'
import { fetchKeySet } from './key-set.ts'
import type { Settings } from './options.ts'
import { RemoteKeys, type RemoteKeysOptions } from './remote-keys.ts'

export interface VerificationKeys {
  /** @throws where the key cannot be had */
  find: (kid: unknown) => JsonWebKey | undefined | Promise<JsonWebKey | undefined>
  close: () => void
}

export function verificationKeys(
  { jwtKey, secretKey = '', apiUrl, jwks }: Settings,
  events: Pick<RemoteKeysOptions, 'onWithdrawal' | 'onFailure'>,
): VerificationKeys {
  // A PEM has no key id, and an instance has one key at a time: any `kid` it is.
  if (jwtKey !== undefined) return { find: () => jwtKey, close: () => {} }
  const remote = new RemoteKeys({
    ...jwks,
    ...events,
    fetch: (signal) => fetchKeySet({ apiUrl, secretKey }, signal),
  })
  return {
    find: (kid) => (typeof kid === 'string' ? remote.find(kid) : undefined),
    close: () => remote.close(),
  }
}
