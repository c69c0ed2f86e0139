/** The part of `pg` that is used, as structural types: nothing imports `pg`, and whatever fits them works. */
import { isServerError } from './failures.ts'

/**
 * A `pg` Pool, or anything that can `query` like one.
 *
 * Without `connect`, as PGlite is without it, there is no push, and look-ups that are given up cannot be cut off.
 */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  connect?(callback: (error: Error | undefined, client?: PostgresClient) => void): unknown
  readonly options?: { readonly max?: number | undefined } | undefined
}

export interface PostgresResult {
  rows: object[]
}

/** A client that a Pool has lent. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  /** @param destroy whether the client is closed instead of going back to the pool */
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  /** Absent in pg-native. */
  readonly connection?: { readonly stream: { destroy(): unknown } } | undefined
}

export interface PostgresNotification {
  payload?: string | undefined
}

/**
 * Runs one statement on any connection of the pool.
 *
 * When the signal is aborted the promise rejects with its reason at once, and the connection is destroyed: one that does
 * not answer is no good to whoever would be lent it next. The server finishes the statement or not, as it happens.
 */
export async function runOnce(
  pool: PostgresPool,
  text: string,
  values: unknown[],
  signal: AbortSignal,
): Promise<object[]> {
  signal.throwIfAborted()
  // The statement under way rejects with the same error.
  const client = await checkOut(pool, signal, ignore)
  if (client === undefined) return (await orAborted(pool.query(text, values), signal)).rows
  try {
    await noticeDeadPeers(client, signal)
    const { rows } = await orAborted(client.query(text, values), signal)
    client.release()
    return rows
  } catch (error) {
    // After an error of the statement alone a connection is as good as before.
    if (isStatementError(error)) client.release()
    else destroy(client)
    throw error
  } finally {
    client.removeListener('error', ignore)
  }
}

/** Pools → how many clients were asked for that nobody waits for any more and that have not come. */
const givenUp = new WeakMap<PostgresPool, number>()
/** A pool that owes so many does not work, and its queue, out of which nobody can step, must not grow for ever. */
const MOST_GIVEN_UP = 1_000

/**
 * A client of the pool, if it lends any. One that is lent too late, after the abort, goes back at once.
 *
 * @param onError listens to the client, which has no listener of the pool's while it is lent
 * @throws at once where the pool owes very many already
 */
export async function checkOut(
  pool: PostgresPool,
  signal: AbortSignal,
  onError: (error: Error) => void,
): Promise<PostgresClient | undefined> {
  const owed = () => givenUp.get(pool) ?? 0
  if (owed() >= MOST_GIVEN_UP) {
    throw new Error('the pool lends no connections: does it have a connectionTimeoutMillis?')
  }
  const connecting = lend(pool, onError)
  if (connecting === undefined) return undefined
  try {
    return await orAborted(connecting, signal)
  } catch (error) {
    givenUp.set(pool, owed() + 1)
    const settled = () => givenUp.set(pool, owed() - 1)
    const giveBack = (client: PostgresClient) => {
      client.removeListener('error', onError)
      client.release()
    }
    connecting.then(giveBack, ignore).finally(settled)
    throw error
  }
}

/**
 * By callback, because a server that goes away may say "ready" and "shutting down" in one breath: the second is an event
 * that a promise's reader would come too late to listen to, and that ends the process where nobody does.
 */
function lend(pool: PostgresPool, onError: (error: Error) => void): Promise<PostgresClient> | undefined {
  if (pool.connect === undefined) return undefined
  return new Promise((resolve, reject) => {
    pool.connect?.((error, client) => {
      if (client === undefined) {
        reject(error ?? new Error('the pool lent no client'))
        return
      }
      client.on('error', onError)
      resolve(client)
    })
  })
}

const toldToLook = new WeakSet<PostgresClient>()

/**
 * Has the server look twice a second, while a statement runs, whether anybody still waits for it. Otherwise a statement
 * whose connection was destroyed would go on waiting for a lock, and hold a server process and whatever it has locked:
 * the size of the pool would bound nothing. Once for each connection; what the user has set stays.
 */
export async function noticeDeadPeers(client: PostgresClient, signal: AbortSignal): Promise<void> {
  if (toldToLook.has(client)) return
  toldToLook.add(client)
  try {
    await orAborted(client.query(NOTICE_DEAD_PEERS), signal)
  } catch (error) {
    if (!isStatementError(error)) throw error // Otherwise: this server's operating system cannot tell it.
  }
}

/** Nothing happens where the server, one before version 14, does not have the setting. */
const NOTICE_DEAD_PEERS = `SELECT set_config('client_connection_check_interval', '500ms', false)
  WHERE current_setting('client_connection_check_interval', true) = '0'`

/**
 * Closes a client's connection without waiting for anything. `release(true)` alone says goodbye first and waits for the
 * answer, for as long as TCP keeps trying.
 */
export function destroy(client: PostgresClient): void {
  client.release(true)
  client.connection?.stream.destroy()
}

/** The promise, or a rejection with the signal's reason as soon as it is aborted. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = ignore
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error)
  })
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Told by the SQLSTATE, because the server says the severity in the language of `lc_messages`: classes 08 (connection),
 * 53 (out of resources) and 57P (shutting down) are not the statement's.
 */
function isStatementError(error: unknown): boolean {
  return isServerError(error) && !/^(08|53|57P)/.test(error.code)
}

function ignore(): void {}
