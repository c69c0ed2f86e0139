/**
 * Runs statements on connections that are borrowed: whatever state other code of the app has left them in.
 *
 * A statement of ours is always alone in its transaction. The server says so on the wire when it is ready again, in the
 * exchange itself: then its snapshot is younger than its sending, and what it wrote is committed. A client that does not
 * tell has the statement itself say what it sees of its session. A connection that is found to be spoilt is closed, which
 * rolls back what was left open on it, and the statement runs again on another one where nothing can have happened.
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

/** What a row says of the session that it was read in, as `SESSION` of `statements.ts` asks. */
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
  /** Whether it writes: then it is not repeated where it may have taken effect. */
  writes?: boolean
  /** Looks at the answer: what is wrong with where it comes from, if anything. */
  judge?: (rows: readonly object[]) => Promise<string | undefined> | string | undefined
}

export interface Ran {
  rows: object[]
  /** Whether the wire has told that the statement was alone in its transaction. */
  alone: boolean
}

/** Of the session and not of the statement: a transaction that has failed or is under way, or is read-only. */
const OF_SESSION: Record<string, string> = {
  '25P02':
    'a client was given back to the pool inside a transaction that has failed: BEGIN without ROLLBACK before release()',
  '25001':
    'a client was given back to the pool inside a transaction: BEGIN without COMMIT or ROLLBACK before release()',
  '25006':
    'a connection is read-only: it leads to a server that is no primary any more, or default_transaction_read_only is on, of the server, the role or the connection',
  '55000': 'a client was given back to the pool with another client_encoding than UTF8',
}
/** Of the session, perhaps: another connection tells. */
const OF_SESSION_PERHAPS: Record<string, string> = {
  '42501':
    'a client was given back to the pool with another role: SET ROLE or SET SESSION AUTHORIZATION without RESET',
  '57014': 'a client was given back to the pool with a statement_timeout of its own',
}
const LEFT_OPEN: Record<string, string | undefined> = { T: OF_SESSION['25001'], E: OF_SESSION['25P02'] }

/** How many times a statement is tried where the pool does not say how many connections it has. */
const USUAL_MAX = 10
/** Milliseconds for which it is remembered that all connections are bad. */
const MEMORY = 1_000

export class Borrower {
  readonly #pool: PostgresPool
  readonly #onSpoilt: (words: string) => void
  /** Monotonic milliseconds until which connections that are bad are kept. */
  #hopelessUntil = -Infinity
  /** SQLSTATEs that several connections agreed on → until when they are taken for the statement's own. */
  readonly #agreed = new Map<string, number>()

  /** @param onSpoilt told of each connection that was not fit for use */
  constructor(pool: PostgresPool, onSpoilt: (words: string) => void) {
    watchPool(pool)
    this.#pool = pool
    this.#onSpoilt = onSpoilt
  }

  /**
   * When the signal is aborted the promise rejects with its reason at once, and the connection is destroyed: one that does
   * not answer is no good to whoever would be lent it next. The server finishes the statement or not, as it happens.
   *
   * @throws `SpoiltError`, `NotSentError`: nothing was done; otherwise what the statement failed of
   */
  async run(statement: Statement, signal: AbortSignal): Promise<Ran> {
    const most = (this.#pool.options?.max ?? USUAL_MAX) + 1
    const suspects = new Set<string>()
    // What only a better connection shows to have been the fault of the last.
    const suspicions: string[] = []
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      // The statement under way rejects with the same error.
      const client = await checkOut(this.#pool, signal, ignore)
      try {
        const ran = await this.#runOn(client, statement, suspects, signal)
        for (const words of suspicions) this.#onSpoilt(words)
        return ran
      } catch (error) {
        if (signal.aborted || !(error instanceof SpoiltError)) throw error
        if (Object.values(OF_SESSION_PERHAPS).includes(error.message)) suspicions.push(error.message)
        else this.#onSpoilt(error.message)
        // What a new connection says as well is no leak.
        const isHopeless = client !== undefined && isNew(this.#pool, client) === true
        if (attempt < most && !isHopeless) continue
        this.#hopelessUntil = performance.now() + MEMORY
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
        // Where all of them are bad, none is the better for being closed and made anew.
        const isAsGood = told instanceof SpoiltError && performance.now() < this.#hopelessUntil
        const keeps = (isAsGood && transactionStatus(client) === 'I') || isStatementError(told)
        if (keeps && !signal.aborted) client.release()
        else destroy(client)
      }
      throw told
    }
  }

  /**
   * What an error comes to: the session's, and then a `SpoiltError`, or the statement's own.
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
    // The connection is gone. Of what was not sent, or only reads, nothing is left.
    if (isAbort(error) || mayHaveHappened) return error
    return new SpoiltError('a connection of the pool was lost', { cause: error })
  }

  /** Whether another connection is to be asked. What a new one says, or a second one, is the statement's, for a while. */
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

/** @throws `SpoiltError` where the client says that a transaction is open on it */
export function refuseOpen(client: PostgresClient | undefined): void {
  const words = LEFT_OPEN[transactionStatus(client) ?? '']
  if (words !== undefined) throw new SpoiltError(words)
}

/**
 * What is wrong with the session that a row was read in.
 *
 * @param alone whether the wire has told that the statement was alone in its transaction
 * @param toWrite whether the session is to be written on
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
    return `a statement ran in a transaction that is ${isolation}, and nothing says that it was not left open`
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
