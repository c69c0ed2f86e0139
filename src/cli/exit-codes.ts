/** The exit codes, for scripts. They never change. */
import { TenantAuthError, type UsageErrorCode } from '../http/errors.ts'

export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, conflict: 4, unavailable: 5 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const CODES: Partial<Record<UsageErrorCode, ExitCode>> = {
  KEY_INVALID: EXIT.usage,
  KEY_LIFETIME_TOO_LONG: EXIT.usage,
  TENANT_AUTH_BAD_OPTION: EXIT.usage,
  KEY_NOT_FOUND: EXIT.notFound,
  TENANT_NOT_FOUND: EXIT.notFound,
  KEY_EXISTS: EXIT.conflict,
  KEY_REVOKED: EXIT.conflict,
  KEY_EXPIRED: EXIT.conflict,
  KEY_PAUSED: EXIT.conflict,
  KEY_LIMIT_REACHED: EXIT.conflict,
  TENANT_EXISTS: EXIT.conflict,
  KEY_STORE_UNAVAILABLE: EXIT.unavailable,
}

/** The command line is wrong or incomplete. */
export class UsageError extends Error {}

/** The database cannot be reached, or its driver is not installed. */
export class UnavailableError extends Error {}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return EXIT.usage
  if (error instanceof UnavailableError) return EXIT.unavailable
  return (error instanceof TenantAuthError ? CODES[error.code] : undefined) ?? EXIT.failed
}

/** The error's code for `--json`. Codes never change. */
export function codeOf(error: unknown): string {
  if (error instanceof TenantAuthError) return error.code
  if (error instanceof UsageError) return 'USAGE'
  return error instanceof UnavailableError ? 'UNAVAILABLE' : 'FAILED'
}
