/** What the store needs of a Redis client, whichever the library. */

export interface RedisConnection {
  /** Sends one command. Bulk strings of the reply are strings. */
  send(args: readonly string[]): Promise<unknown>
  /**
   * A connection of the store's own to the same server, not connected yet. It queues nothing, and once lost it stays
   * lost.
   */
  open(onLost: (cause: unknown) => void): OwnConnection
}

export interface OwnConnection {
  send(args: readonly string[]): Promise<unknown>
  connect(): Promise<unknown>
  subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown>
  /** Destroys the connection, one being made, too, without waiting for anything. Idempotent, never throws. */
  destroy(): void
}

/** Rejects with the signal's reason as soon as it is aborted; what the promise comes to then is nobody's concern. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
