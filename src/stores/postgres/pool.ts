/** The part of `pg` that the store uses, as structural types: nothing imports `pg`, and whatever fits them works. */
import { orAborted } from '../../lib/time-limit.ts'
import { isStatementError, NotSentError } from './errors.ts'

/**
 * A `pg` Pool, or anything that can `query` like one.
 *
 * Without `connect`, which PGlite lacks, there is no push, and look-ups that are given up cannot be cut off.
 */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  connect?(callback: (error: Error | undefined, client?: PostgresClient) => void): unknown
  readonly options?: { readonly max?: number | undefined } | undefined
  on?(event: 'connect' | 'acquire', listener: (client: PostgresClient) => void): unknown
}

export interface PostgresResult {
  rows: object[]
}

/** A client that a Pool has lent. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  /** @param destroy whether to close the client instead of returning it to the pool */
  release(destroy?: boolean): void
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  /** Whether the process waits for the connection. Absent in pg-native. */
  ref?(): void
  unref?(): void
  /** Since pg 8.23. */
  getTransactionStatus?(): string | null
  /** Absent in pg-native. */
  readonly connection?:
    | {
        readonly stream: { destroy(): unknown }
        on?(event: 'readyForQuery', listener: (message: { status?: string }) => void): unknown
      }
    | undefined
}

export interface PostgresNotification {
  payload?: string | undefined
}

/** Pools → how many clients they still owe to callers that have stopped waiting. */
const givenUp = new WeakMap<PostgresPool, number>()
/** A pool that owes this many does not work. Its queue, which no caller can leave, must not grow forever. */
const MOST_GIVEN_UP = 1_000

/**
 * Takes a client from the pool, if it lends any. A client that arrives after the abort goes back at once.
 *
 * @param onError listens to the client: the pool itself does not, while the client is lent
 * @throws `NotSentError`, at once if the pool already owes too many
 */
export async function checkOut(
  pool: PostgresPool,
  signal: AbortSignal,
  onError: (error: Error) => void,
): Promise<PostgresClient | undefined> {
  const owed = () => givenUp.get(pool) ?? 0
  if (owed() >= MOST_GIVEN_UP) {
    throw new NotSentError('the pool hands out no connections: does it have a connectionTimeoutMillis?')
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
 * By callback, because a server that goes away may say "ready" and "shutting down" at the same time. The second is an
 * error event: code that awaits a promise would listen for it too late, and without a listener it ends the process.
 */
function lend(pool: PostgresPool, onError: (error: Error) => void): Promise<PostgresClient> | undefined {
  if (pool.connect === undefined) return undefined
  return new Promise((resolve, reject) => {
    pool.connect?.((error, client) => {
      if (client === undefined) {
        reject(new NotSentError('could not get a connection from the pool', { cause: error }))
        return
      }
      client.on('error', onError)
      listenForStatus(client)
      resolve(client)
    })
  })
}

/** Clients → how often the pool has lent them. Only clients seen from their beginning. */
const lent = new WeakMap<object, number>()
const watched = new WeakSet<PostgresPool>()

/** Starts to keep track of which clients are new. */
export function watchPool(pool: PostgresPool): void {
  if (pool.on === undefined || watched.has(pool)) return
  watched.add(pool)
  pool.on('connect', (client) => lent.set(client, 0))
  pool.on('acquire', (client) => {
    const times = lent.get(client)
    if (times !== undefined) lent.set(client, times + 1)
  })
}

/** Whether this is the first time the pool lends the client; `undefined` if the pool does not say. */
export function isNew(pool: PostgresPool, client: PostgresClient): boolean | undefined {
  return watched.has(pool) ? lent.get(client) === 1 : undefined
}

/** Clients of pg before 8.23 → the status that the server sent last. */
const statuses = new WeakMap<PostgresClient, string | undefined>()

function listenForStatus(client: PostgresClient): void {
  if (client.getTransactionStatus !== undefined || statuses.has(client)) return
  if (client.connection?.on === undefined) return
  statuses.set(client, undefined)
  client.connection.on('readyForQuery', ({ status }) => statuses.set(client, status))
}

/**
 * The transaction status that the server sent when it was last ready, if the client reports it: `I` for none, `T` inside
 * one, `E` in one that has failed. After a statement, `I` says that it was alone in its transaction, which is committed.
 */
export function transactionStatus(client: PostgresClient | undefined): string | undefined {
  return client?.getTransactionStatus?.() ?? (client && statuses.get(client))
}

const toldToLook = new WeakSet<PostgresClient>()

/**
 * Makes the server check twice a second, while a statement runs, whether the client is still there. Otherwise a
 * statement whose connection was destroyed would keep waiting for a lock, and keep a server process and its own locks:
 * the size of the pool would bound nothing. Runs once for each connection, and keeps what the user has set.
 */
export async function noticeDeadPeers(client: PostgresClient, signal: AbortSignal): Promise<void> {
  if (toldToLook.has(client)) return
  try {
    await orAborted(client.query(NOTICE_DEAD_PEERS), signal)
  } catch (error) {
    if (!isStatementError(error)) throw error // Otherwise the server's operating system has no such check.
  }
  toldToLook.add(client)
}

/** Does nothing if the server, one before version 14, does not have the setting. */
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

function ignore(): void {}
