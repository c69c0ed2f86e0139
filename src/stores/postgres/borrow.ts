/**
 * Runs statements on borrowed connections, whatever state other code of the app has left them in.
 *
 * Each statement of ours must be alone in its transaction. The server says so on the wire when it is ready again, in the
 * same exchange: then the snapshot was taken after the statement was sent, and what it wrote is committed. If the client
 * does not report this, the statement itself returns what it sees of its session. A spoilt connection is closed, which
 * rolls back what was left open on it. The statement runs again on another connection if it cannot have taken effect.
 */
import { orAborted } from '../../lib/time-limit.ts'
import { isStatementError, SpoiltError } from './errors.ts'
import {
  checkOut,
  destroy,
  isNew,
  noticeDeadPeers,
  type PostgresClient,
  type PostgresPool,
  transactionStatus,
  watchPool,
} from './pool.ts'

/** What a row says of the session that it was read in, as `session` of `fleet-statements.ts` selects it. */
export type SessionState = [
  standby: boolean,
  wrote: boolean,
  isolation: string,
  encoding: string,
  readOnly: boolean,
]

export interface Statement {
  text: string
  values: unknown[]
  /** Whether it writes: then it is not repeated if it may have taken effect. */
  writes?: boolean
  /** Looks at the answer, and returns what is wrong with where it comes from, if anything. */
  judge?: (rows: readonly object[]) => Promise<string | undefined> | string | undefined
}

export interface Ran {
  rows: object[]
  /** Whether the server said on the wire that the statement was alone in its transaction. */
  alone: boolean
}

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
const LEFT_OPEN: Record<string, string | undefined> = { T: OF_SESSION['25001'], E: OF_SESSION['25P02'] }

/** How many connections a pool is taken to have if it does not say. */
const USUAL_MAX = 10
/** Milliseconds for which the borrower remembers that all connections are bad. */
const MEMORY = 1_000

export class Borrower {
  readonly #pool: PostgresPool
  readonly #onSpoilt: (words: string) => void
  /** Monotonic milliseconds until which it keeps connections that are bad. */
  #hopelessUntil = -Infinity
  /** SQLSTATEs that turned out to be the statement's own → until when that is taken for granted. */
  readonly #agreed = new Map<string, number>()

  /** @param onSpoilt called for each connection that was not fit for use */
  constructor(pool: PostgresPool, onSpoilt: (words: string) => void) {
    watchPool(pool)
    this.#pool = pool
    this.#onSpoilt = onSpoilt
  }

  /**
   * Runs a statement. When the signal aborts, the promise rejects with its reason at once, and the connection is
   * destroyed: one that does not answer is no good to the next borrower. The server may or may not finish the statement.
   *
   * @throws `SpoiltError`, `NotSentError`: nothing was done; otherwise the error of the statement
   */
  async run(statement: Statement, signal: AbortSignal): Promise<Ran> {
    const most = (this.#pool.options?.max ?? USUAL_MAX) + 1
    const suspects = new Set<string>()
    // Faults to report only if another connection does better.
    const suspicions: string[] = []
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      // Errors of the client are ignored, because the statement under way rejects with the same error.
      const client = await checkOut(this.#pool, signal, ignore)
      try {
        const ran = await this.#runOn(client, statement, suspects, signal)
        for (const words of suspicions) this.#onSpoilt(words)
        return ran
      } catch (error) {
        if (signal.aborted || !(error instanceof SpoiltError)) throw error
        if (Object.values(OF_SESSION_PERHAPS).includes(error.message)) suspicions.push(error.message)
        else this.#onSpoilt(error.message)
        // A fault that a new connection has as well was not left behind by the app.
        const isHopeless = client !== undefined && isNew(this.#pool, client) === true
        if (attempt < most && !isHopeless) continue
        // Not again while it lasts: bad connections are kept meanwhile, and found again.
        if (performance.now() >= this.#hopelessUntil) this.#hopelessUntil = performance.now() + MEMORY
        throw new SpoiltError(`every connection of the pool is like this: ${error.message}`, {
          cause: error.cause,
        })
      } finally {
        client?.removeListener('error', ignore)
      }
    }
  }

  async #runOn(
    client: PostgresClient | undefined,
    statement: Statement,
    suspects: Set<string>,
    signal: AbortSignal,
  ): Promise<Ran> {
    const { text, values, writes = false } = statement
    let sent = false
    try {
      if (client !== undefined) {
        refuseOpen(client)
        await noticeDeadPeers(client, signal)
        refuseOpen(client)
      }
      sent = true
      const { rows } = await orAborted((client ?? this.#pool).query(text, values), signal)
      const alone = transactionStatus(client) === 'I'
      refuseOpen(client)
      const wrong = sessionFault(rows, alone, writes) ?? (await statement.judge?.(rows))
      if (wrong !== undefined) throw new SpoiltError(wrong)
      client?.release()
      return { rows, alone }
    } catch (error) {
      const isOurs = client === undefined || signal.aborted
      const told = isOurs ? error : this.#classified(error, client, suspects, sent && writes)
      if (client !== undefined) {
        // If all of them are bad, closing one and opening another gains nothing.
        const isAsGood = told instanceof SpoiltError && performance.now() < this.#hopelessUntil
        const keeps = (isAsGood && transactionStatus(client) === 'I') || isStatementError(told)
        if (keeps && !signal.aborted) client.release()
        else destroy(client)
      }
      throw told
    }
  }

  /**
   * Returns a `SpoiltError` if the session is to blame, otherwise the error itself.
   *
   * @param mayHaveHappened whether a write was sent
   */
  #classified(
    error: unknown,
    client: PostgresClient,
    suspects: Set<string>,
    mayHaveHappened: boolean,
  ): unknown {
    if (error instanceof SpoiltError) return error
    if (isStatementError(error)) {
      const { code } = error
      const words = OF_SESSION[code] ?? LEFT_OPEN[transactionStatus(client) ?? '']
      if (words !== undefined) return new SpoiltError(words, { cause: error })
      const isSuspect = OF_SESSION_PERHAPS[code] !== undefined && this.#isSuspect(code, client, suspects)
      return isSuspect ? new SpoiltError(OF_SESSION_PERHAPS[code], { cause: error }) : error
    }
    // The connection is gone. A statement that was not sent, or only reads, has left nothing behind.
    if (isAbort(error) || mayHaveHappened) return error
    return new SpoiltError('a connection of the pool was lost', { cause: error })
  }

  /**
   * Whether to try another connection. If a new one fails as well, or a second one if the pool does not say which are
   * new, the statement is to blame for a while.
   */
  #isSuspect(code: string, client: PostgresClient, suspects: Set<string>): boolean {
    const now = performance.now()
    if (now < (this.#agreed.get(code) ?? -Infinity)) return false
    const isSecond = suspects.has(code)
    suspects.add(code)
    if (!(isNew(this.#pool, client) ?? isSecond)) return true
    this.#agreed.set(code, now + 10 * MEMORY)
    return false
  }
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

function isAbort(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AbortError' || error.name === 'TimeoutError' || error.name === 'TimeLimitError')
  )
}

function ignore(): void {}
