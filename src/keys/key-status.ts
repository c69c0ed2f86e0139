/** What has become of a key. */
import type { KeyDetails } from '../stores/writable-key-store.ts'

/** What has become of a key. A key of a suspended tenant has the status that it would have otherwise. */
export type KeyStatus = 'active' | 'expired' | 'revoked'

export function statusOfKey(
  { revokedAt, expiresAt }: Pick<KeyDetails, 'revokedAt' | 'expiresAt'>,
  now = Date.now(),
): KeyStatus {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt.getTime() <= now ? 'expired' : 'active'
}
