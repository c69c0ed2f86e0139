/**
 * Connections of the store's own, whichever the library: copied from the user's client, which itself carries nothing.
 *
 * What a borrowed connection is in, nobody can know: a `MULTI` left open, another database, a server that is a replica
 * by now, a peer that is gone. A connection of one's own can be replaced.
 */

/** The user's client, as a pattern for connections. */
export interface RedisSource {
  /** Whether the user has connected the client and not ended it: connections of the store live no longer. */
  isOpen(): boolean
  onEnd(listener: () => void): void
  /** A connection to the same server, not connected yet. It queues nothing, and once lost it stays lost. */
  open(onLost: (cause: unknown) => void): OwnConnection
}

export interface OwnConnection {
  /** Sends one command. Bulk strings of the reply are strings. */
  send(args: readonly string[]): Promise<unknown>
  connect(): Promise<unknown>
  subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown>
  /** Whether the process waits for what is still to come over it. Only once it is connected. */
  holdProcess(holds: boolean): void
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
