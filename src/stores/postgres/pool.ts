/** The part of `pg` that is used, as structural types: nothing imports `pg`, and whatever fits them works. */

/**
 * A `pg` Pool, or anything that can `query` like one.
 *
 * Without `connect`, as PGlite is without it, there is no push, and look-ups that are given up cannot be cut off.
 */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  connect?(): Promise<PostgresClient>
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
  const client = await checkOut(pool, signal)
  if (client === undefined) return (await orAborted(pool.query(text, values), signal)).rows
  // Lent clients have no listener of the pool's. The statement under way rejects with the same error.
  client.on('error', ignore)
  try {
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

/** A client of the pool, if it lends any. One that is lent too late, after the abort, goes back at once. */
export async function checkOut(pool: PostgresPool, signal: AbortSignal): Promise<PostgresClient | undefined> {
  const connecting = pool.connect?.()
  if (connecting === undefined) return undefined
  try {
    return await orAborted(connecting, signal)
  } catch (error) {
    connecting.then((client) => client.release(), ignore)
    throw error
  }
}

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

function isStatementError(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR'
}

function ignore(): void {}
