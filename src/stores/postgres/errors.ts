/** Why statements fail. */

/** The connection was not fit for use. The statement had no effect. */
export class SpoiltError extends Error {
  override readonly name = 'SpoiltError'
}

/** Perhaps the connection was not fit for use: another one shows. The statement had no effect. */
export class SuspectError extends SpoiltError {}

/** The statement was not sent. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError'
}

export interface ServerError extends Error {
  code: string
  constraint?: string | undefined
}

/** Whether the server reported the error, as opposed to a connection that failed. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

/**
 * Whether the statement is to blame. The SQLSTATE says so, because the server sends the severity in the language of
 * `lc_messages`: classes 08 (connection), 53 (out of resources) and 57P (shutting down) are not the statement's fault.
 */
export function isStatementError(error: unknown): error is ServerError {
  return isServerError(error) && !/^(08|53|57P)/.test(error.code)
}

/**
 * Whether a row that the statement met is to blame: its data (class 22), a feature that data needs (0A), or a damaged
 * file (XX). A missing right or a lock that is held is the same for every row.
 */
export function isRowError(error: unknown): boolean {
  return isServerError(error) && /^(0A|22|XX)/.test(error.code)
}
