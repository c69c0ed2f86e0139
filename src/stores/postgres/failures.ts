/** What a failed statement means to a caller, without any value that the statement held. */
import { type Effect, TenantAuthError } from '../../http/errors.ts'
import type { InsertRefusal } from '../writable-key-store.ts'
import { isServerError, isStatementError, NotSentError, SpoiltError } from './errors.ts'

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

/** Which rule of the table an insert of a key has broken, if the error says so. */
export function refusalOf(failed: unknown): InsertRefusal | undefined {
  const { constraint }: { constraint?: string } =
    failed instanceof TenantAuthError ? (failed.cause ?? {}) : {}
  return constraint === undefined ? undefined : REFUSALS[constraint]
}

export function isNotMigrated(error: unknown): boolean {
  return isServerError(error) && NOT_MIGRATED.has(error.code)
}

const NOTHING = 'Nothing was done'
const NOT_KNOWN =
  'PostgreSQL did not answer: it is not known whether the write took effect, so check before you try again'

/**
 * The error to throw for a statement that failed.
 *
 * @param writes whether the statement writes: then it may have taken effect, unless the error says otherwise
 */
export function failure(error: unknown, schema: string, writes = false): TenantAuthError {
  if (error instanceof TenantAuthError) return error
  const cause = withoutValues(error)
  const unavailable = (effect: Effect, message: string) =>
    new TenantAuthError('KEY_STORE_UNAVAILABLE', message, { cause, effect })
  const unknown = () =>
    unavailable(writes ? 'unknown' : 'none', writes ? NOT_KNOWN : 'PostgreSQL did not answer')
  if (error instanceof SpoiltError) {
    const message = `${NOTHING}: ${error.message}`
    return new TenantAuthError('KEY_STORE_UNAVAILABLE', message, {
      cause: withoutValues(error.cause),
      effect: 'none',
    })
  }
  if (error instanceof NotSentError) return unavailable('none', `${NOTHING}: PostgreSQL cannot be reached`)
  if (!isServerError(error)) return unknown()
  if (isNotMigrated(error)) {
    const message = `Schema ${schema} does not have the tables of this version: call migrate(), or run npx fastify-tenant-auth migrate`
    return unavailable('none', message)
  }
  if (NOT_STORABLE.has(error.code)) {
    return new TenantAuthError('KEY_INVALID', 'PostgreSQL cannot store this value', { cause })
  }
  if (error.code === LOCK_TIMEOUT) {
    return unavailable('none', `${NOTHING}: another transaction holds keys or tenants locked for too long`)
  }
  // A server that goes away says so, but not what became of the statement.
  if (!isStatementError(error)) return unknown()
  return unavailable('none', `${NOTHING}: PostgreSQL refused it (SQLSTATE ${error.code})`)
}

/** The details of a server's error may hold whole rows, including hashes. Its message and code do not. */
function withoutValues(error: unknown): unknown {
  if (error instanceof SpoiltError || error instanceof NotSentError) {
    return new Error(error.message, { cause: withoutValues(error.cause) })
  }
  if (!isServerError(error)) return error
  const { message, code, constraint } = error
  return Object.assign(new Error(message), { code, constraint })
}
