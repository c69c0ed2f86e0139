/**
 * Runs statements on borrowed connections, whatever state other code of the app has left them in.
 *
 * Each statement of ours must be alone in its transaction. The server says so on the wire when it is ready again, in the
 * same exchange: then the snapshot was taken after the statement was sent, and what it wrote is committed. If the client
 * does not report this, the statement itself returns what it sees of its session. A spoilt connection is closed, which
 * rolls back what was left open on it. The statement runs again on another connection if it cannot have taken effect.
 */
import { orAborted } from '../../lib/time-limit.ts'
import { isStatementError, SpoiltError, SuspectError } from './errors.ts'
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
import { faultOf, refuseOpen, sessionFault } from './session-fault.ts'

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
    // Faults to report only if another connection does better.
    const suspicions: string[] = []
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      // Errors of the client are ignored, because the statement under way rejects with the same error.
      const client = await checkOut(this.#pool, signal, ignore)
      try {
        const ran = await this.#runOn(client, statement, attempt === most, signal)
        for (const words of suspicions) this.#onSpoilt(words)
        return ran
      } catch (error) {
        if (signal.aborted || !(error instanceof SpoiltError)) throw error
        if (error instanceof SuspectError) suspicions.push(error.message)
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
    isLast: boolean,
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
      const told = isOurs ? error : this.#classified(error, client, isLast, sent && writes)
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
   * @param isLast whether this was the last attempt
   * @param mayHaveHappened whether a write was sent
   */
  #classified(error: unknown, client: PostgresClient, isLast: boolean, mayHaveHappened: boolean): unknown {
    if (error instanceof SpoiltError) return error
    if (isStatementError(error)) {
      const fault = faultOf(error, client)
      const isCleared = fault instanceof SuspectError && !this.#isSuspect(error.code, client, isLast)
      return isCleared ? error : (fault ?? error)
    }
    // The connection is gone. A statement that was not sent, or only reads, has left nothing behind.
    if (isAbort(error) || mayHaveHappened) return error
    return new SpoiltError('a connection of the pool was lost', { cause: error })
  }

  /**
   * Whether to try another connection. If a new one fails as well, or as many as the pool has if it does not say which
   * are new, the statement is to blame for a while.
   */
  #isSuspect(code: string, client: PostgresClient, isLast: boolean): boolean {
    const now = performance.now()
    if (now < (this.#agreed.get(code) ?? -Infinity)) return false
    if (!(isNew(this.#pool, client) ?? isLast)) return true
    this.#agreed.set(code, now + 10 * MEMORY)
    return false
  }
}

function isAbort(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AbortError' || error.name === 'TimeoutError' || error.name === 'TimeLimitError')
  )
}

function ignore(): void {}
