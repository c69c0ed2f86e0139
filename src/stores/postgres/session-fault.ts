/** What can be wrong with a session that other code of the app has used before, in words that lead to that code. */
import { type ServerError, SpoiltError, SuspectError } from './errors.ts'
import { type PostgresClient, transactionStatus } from './pool.ts'

/** What a row says of the session that it was read in, as `session` of `fleet-statements.ts` selects it. */
export type SessionState = [
  standby: boolean,
  wrote: boolean,
  isolation: string,
  encoding: string,
  readOnly: boolean,
]

/** The session's fault, not the statement's: a transaction that failed, is open or is read-only, or the encoding. */
const OF_SESSION: Record<string, string> = {
  '25P02':
    'a client was given back to the pool inside a transaction that has failed: BEGIN without ROLLBACK before release()',
  '25001':
    'a client was given back to the pool inside a transaction: BEGIN without COMMIT or ROLLBACK before release()',
  '25006':
    'a connection is read-only: it leads to a server that is no longer the primary, or default_transaction_read_only is on for the server, the role or the connection',
  '55000': 'a client was given back to the pool with a client_encoding other than UTF8',
}
/** Perhaps the session's fault: another connection shows. */
const OF_SESSION_PERHAPS: Record<string, string> = {
  '42501':
    'a client was given back to the pool with another role: SET ROLE or SET SESSION AUTHORIZATION without RESET',
  '57014': 'a client was given back to the pool with its own statement_timeout: SET without RESET',
}
const LEFT_OPEN: Record<string, string | undefined> = {
  T: OF_SESSION['25001'],
  E: OF_SESSION['25P02'],
}

/** What is wrong with the session if a statement fails with this error, if anything. */
export function faultOf(error: ServerError, client: PostgresClient): SpoiltError | undefined {
  const words = OF_SESSION[error.code] ?? LEFT_OPEN[transactionStatus(client) ?? '']
  if (words !== undefined) return new SpoiltError(words, { cause: error })
  const suspicion = OF_SESSION_PERHAPS[error.code]
  return suspicion === undefined ? undefined : new SuspectError(suspicion, { cause: error })
}

/** @throws `SpoiltError` if the client says that a transaction is open on it */
export function refuseOpen(client: PostgresClient | undefined): void {
  const words = LEFT_OPEN[transactionStatus(client) ?? '']
  if (words !== undefined) throw new SpoiltError(words)
}

/**
 * What is wrong with the session that a row was read in, if anything.
 *
 * @param alone whether the server said on the wire that the statement was alone in its transaction
 * @param toWrite whether the session is to be used for writes
 */
export function sessionFault(
  rows: readonly object[],
  alone: boolean,
  writes = false,
  toWrite = false,
): string | undefined {
  const { session } = (rows[0] ?? {}) as { session?: string }
  if (session === undefined) return undefined
  const [standby, wrote, isolation, encoding, readOnly] = JSON.parse(session) as SessionState
  if (standby)
    return 'a connection leads to a standby, which may not know of a revocation yet: connect the pool to the primary'
  if (encoding !== 'UTF8' && encoding !== 'SQL_ASCII') return OF_SESSION['55000']
  if (toWrite && readOnly) return OF_SESSION['25006']
  if (alone || writes) return undefined
  if (wrote) return OF_SESSION['25001']
  if (isolation !== 'read committed') {
    return `a statement ran with isolation level ${isolation}, so perhaps in a transaction that was left open`
  }
  return undefined
}
