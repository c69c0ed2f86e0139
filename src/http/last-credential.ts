/**
 * Remembers the last credential of each connection, and whether it was good or refused. A client that keeps its connection
 * sends the same header again and again, and is then recognized without a hash and a look-up.
 *
 * The cache that the outcome came from decides whether it may still be used: this file knows nothing of leases and
 * revocations.
 */
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

/**
 * After this many different credentials in a row, a connection remembers none: it comes from a proxy that serves many
 * clients, and comparing would only cost time (200 ns a request, about as much as the hash).
 */
const TOO_MANY = 8

export class LastCredentials<Found> {
  /** By connection, so that a header's text is kept no longer than its connection. */
  readonly #of = new WeakMap<object, LastCredential<Found>>()

  of(request: IncomingMessage): LastCredential<Found> {
    const connection = connectionOf(request)
    // An adapter may create a request without a connection.
    if (connection === undefined) return new LastCredential<Found>()
    let last = this.#of.get(connection)
    if (last === undefined) this.#of.set(connection, (last = new LastCredential<Found>()))
    return last
  }
}

class LastCredential<Found> {
  #text = ''
  #found: Found | undefined
  /** How many credentials in a row were another one than that before. */
  #others = 0

  /** The outcome that was remembered for the same text, if there is one. */
  recall(text: string): Found | undefined {
    if (this.#found === undefined || !isSame(this.#text, text)) return undefined
    this.#others = 0
    return this.#found
  }

  remember(text: string, found: Found): void {
    if (this.#others >= TOO_MANY) {
      this.#text = ''
      this.#found = undefined
      return
    }
    this.#others++
    this.#text = text
    this.#found = found
  }
}

/** HTTP/2 has a stream for each request, and a session for the connection. */
function connectionOf(request: IncomingMessage): object | undefined {
  const { stream, socket }: Partial<Pick<Http2ServerRequest, 'stream' | 'socket'>> =
    request as unknown as Http2ServerRequest
  return stream?.session ?? socket ?? undefined
}

/**
 * Runs in a time that depends on the lengths alone. A proxy may send the requests of several clients over one connection,
 * and none may find out character by character what another one has sent.
 */
function isSame(one: string, other: string): boolean {
  if (one.length !== other.length) return false
  let difference = 0
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i)
  return difference === 0
}
