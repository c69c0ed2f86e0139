/**
 * Drops the pushes in the traffic of an instance, and counts them.
 *
 * It reads each connection from its first byte. A filter that began in the middle of a message would not know where the
 * next one starts, and would let pushes through or stall. Messages arrive in pieces, and leave whole.
 */
import type { Filter, TcpProxy } from '../servers/index.ts'

/** Returns where the first message in the bytes ends, and whether it is a push; `undefined` while it is incomplete. */
export type ReadMessage = (bytes: Buffer) => { end: number; push: boolean } | undefined

export class PushFilter {
  dropping = false
  /** How many pushes were dropped. */
  dropped = 0
  readonly #read: ReadMessage

  constructor(proxy: TcpProxy, read: ReadMessage) {
    this.#read = read
    proxy.filter('down', () => this.forConnection())
  }

  forConnection(): Filter {
    let rest = Buffer.alloc(0)
    return (chunk) => {
      rest = Buffer.concat([rest, chunk])
      const passed: Buffer[] = []
      for (let message = this.#read(rest); message !== undefined; message = this.#read(rest)) {
        if (message.push && this.dropping) this.dropped++
        else passed.push(rest.subarray(0, message.end))
        rest = rest.subarray(message.end)
      }
      return Buffer.concat(passed)
    }
  }
}

/** PostgreSQL's protocol: type, length, content. A push is a `NotificationResponse`, type `A`. */
export const readPostgresMessage: ReadMessage = (bytes) => {
  if (bytes.length < 5) return undefined
  const end = 1 + bytes.readUInt32BE(1)
  return bytes.length < end ? undefined : { end, push: bytes[0] === 'A'.charCodeAt(0) }
}

/** RESP, version 2 or 3. A push is `message`, the channel and the payload. */
export const readRedisMessage: ReadMessage = (bytes) => {
  const end = endOfReply(bytes, 0)
  if (end === undefined) return undefined
  return { end, push: /^[*>]3\r\n\$[78]\r\ns?message\r\n/.test(bytes.toString('latin1', 0, 24)) }
}

/** How many replies each element of an aggregate consists of: two for a map, a key and a value. */
const PARTS: Record<string, number> = { '*': 1, '~': 1, '>': 1, '%': 2 }

function endOfReply(bytes: Buffer, start: number): number | undefined {
  const line = bytes.indexOf('\r\n', start)
  if (line < 0) return undefined
  const type = String.fromCharCode(bytes[start] ?? 0)
  const count = Number(bytes.toString('latin1', start + 1, line))
  let end: number | undefined = line + 2
  if ('$=!'.includes(type)) {
    if (count >= 0) end += count + 2
    return end <= bytes.length ? end : undefined
  }
  for (let left = count * (PARTS[type] ?? 0); left > 0 && end !== undefined; left--) {
    end = endOfReply(bytes, end)
  }
  return end
}
