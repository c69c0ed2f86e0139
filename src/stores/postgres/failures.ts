/** What a failed statement means to a caller, without a word of what the statement held. */
import { TenantAuthError } from '../../http/errors.ts'
import type { InsertRefusal } from '../writable-key-store.ts'

interface ServerError extends Error {
  code: string
  constraint?: string | undefined
}

/** `undefined_table`, `undefined_function`, `invalid_schema_name`. */
const NOT_MIGRATED = new Set(['42P01', '42883', '3F000'])
/** `character_not_in_repertoire`, `untranslatable_character`, `datetime_field_overflow`, `check_violation`. */
const NOT_STORABLE = new Set(['22021', '22P05', '22008', '23514'])

/** `lock_not_available`. */
const LOCK_TIMEOUT = '55P03'

const REFUSALS: Record<string, InsertRefusal> = {
  keys_pkey: 'id-taken',
  keys_hash: 'hash-taken',
  keys_tenant: 'no-such-tenant',
}

/** Which of the table's rules the insert of a key has broken, if that is what a failure says. */
export function refusalOf(failed: unknown): InsertRefusal | undefined {
  const { constraint }: { constraint?: string } =
    failed instanceof TenantAuthError ? (failed.cause ?? {}) : {}
  return constraint === undefined ? undefined : REFUSALS[constraint]
}

/** The error to throw for a statement that failed. */
export function failure(error: unknown, schema: string): TenantAuthError {
  const cause = withoutValues(error)
  if (isServerError(error) && NOT_MIGRATED.has(error.code)) {
    const message = `Schema ${schema} does not have the tables of this version: call migrate() or run its SQL`
    return new TenantAuthError('KEY_STORE_UNAVAILABLE', message, { cause })
  }
  if (isServerError(error) && NOT_STORABLE.has(error.code)) {
    return new TenantAuthError('KEY_INVALID', 'PostgreSQL cannot store this value', { cause })
  }
  if (isServerError(error) && error.code === LOCK_TIMEOUT) {
    const message = 'Nothing was done: another transaction holds keys or tenants locked for too long'
    return new TenantAuthError('KEY_STORE_UNAVAILABLE', message, { cause })
  }
  return new TenantAuthError('KEY_STORE_UNAVAILABLE', 'PostgreSQL did not do what it was asked', { cause })
}

/** Details of a server's error may hold whole rows, hashes among them. Its message and code do not. */
function withoutValues(error: unknown): unknown {
  if (!isServerError(error)) return error
  const { message, code, constraint } = error
  return Object.assign(new Error(message), { code, constraint })
}

/** What the server has answered, as opposed to what became of the connection. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}
