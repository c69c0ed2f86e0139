/** Every refusal of a tenant key, built once: the response, and the word for the log. */
import type { AuthErrorCode, AuthErrorHeaders } from '../http/errors.ts'
import type { Refusal } from '../http/refusal.ts'

const CODES = {
  missing: 'AUTH_INVALID_KEY',
  empty: 'AUTH_INVALID_KEY',
  repeated: 'AUTH_INVALID_KEY',
  malformed: 'AUTH_INVALID_KEY',
  too_long: 'AUTH_INVALID_KEY',
  wrong_header: 'AUTH_INVALID_KEY',
  checksum: 'AUTH_INVALID_KEY',
  unknown: 'AUTH_INVALID_KEY',
  revoked: 'AUTH_INVALID_KEY',
  expired: 'AUTH_INVALID_KEY',
  paused: 'AUTH_INVALID_KEY',
  network: 'AUTH_NETWORK_NOT_ALLOWED',
  suspended: 'AUTH_TENANT_SUSPENDED',
  scope: 'AUTH_INSUFFICIENT_SCOPE',
  /** The route requires something of a signed-in user, which no key can meet. */
  other_credential: 'AUTH_INSUFFICIENT_SCOPE',
  unavailable: 'AUTH_UNAVAILABLE',
} as const satisfies Record<string, AuthErrorCode>

/** The stable word for why a tenant key was refused. */
export type RefusalReason = keyof typeof CODES

export const REASONS = Object.keys(CODES) as RefusalReason[]

/** Seconds after which a client may try again if the store did not answer. */
const RETRY_AFTER = '1'

/** @param header which header the challenge asks the client to send (RFC 9110, 11.6.1: a 401 must carry a challenge) */
export function buildRefusals(header: string): Record<RefusalReason, Refusal> {
  const headers: Partial<Record<AuthErrorCode, AuthErrorHeaders>> = {
    AUTH_INVALID_KEY: { 'www-authenticate': `ApiKey header="${header}"` },
    AUTH_UNAVAILABLE: { 'retry-after': RETRY_AFTER },
  }
  const build = (reason: RefusalReason): Refusal => {
    const code = CODES[reason]
    return Object.freeze({ code, reason, headers: Object.freeze(headers[code] ?? {}) })
  }
  return Object.fromEntries(REASONS.map((reason) => [reason, build(reason)])) as Record<
    RefusalReason,
    Refusal
  >
}
