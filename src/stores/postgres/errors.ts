/** What statements fail of. */

/** A connection that was not fit for use. Nothing came of the statement. */
export class SpoiltError extends Error {
  override readonly name = 'SpoiltError'
}

/** The statement was not sent. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError'
}

export interface ServerError extends Error {
  code: string
  constraint?: string | undefined
}

/** What the server has answered, as opposed to what became of the connection. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

/**
 * Told by the SQLSTATE, because the server says the severity in the language of `lc_messages`: classes 08 (connection),
 * 53 (out of resources) and 57P (shutting down) are not the statement's.
 */
export function isStatementError(error: unknown): error is ServerError {
  return isServerError(error) && !/^(08|53|57P)/.test(error.code)
}

/**
 * Whether a statement has failed of a row that it has met: its data (class 22), a feature that data needs (0A), or a file
 * that is damaged (XX). A missing right or a lock that is held is the same for every row.
 */
export function isRowError(error: unknown): boolean {
  return isServerError(error) && /^(0A|22|XX)/.test(error.code)
}
