/**
 * The store's own connections, for either library: copies of the user's client, which itself carries nothing.
 *
 * A borrowed connection can be in any state: a `MULTI` left open, another database, a server that has become a replica,
 * a peer that is gone. The store can replace its own connections.
 */

/** The user's client, as a template for connections. */
export interface RedisSource {
  /** Whether the user has connected the client and not ended it. The store's connections end with it. */
  isOpen(): boolean
  onEnd(listener: () => void): void
  /** Returns a connection to the same server, not connected yet. It queues nothing, and once lost it stays lost. */
  open(onLost: (cause: unknown) => void): OwnConnection
}

export interface OwnConnection {
  /** Sends one command. Bulk strings of the reply are strings. */
  send(args: readonly string[]): Promise<unknown>
  connect(): Promise<unknown>
  subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown>
  /** Whether the connection keeps the process alive. Call it only once connected. */
  holdProcess(holds: boolean): void
  /** Destroys the connection, even while it connects, without waiting for anything. Idempotent, never throws. */
  destroy(): void
}
