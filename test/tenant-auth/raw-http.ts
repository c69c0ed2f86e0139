/** HTTP as raw bytes on a socket, for what no client library would send. */
import { connect } from 'node:net'

export interface RawResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/**
 * Sends bytes and reads until the server closes the connection.
 *
 * @param bytes latin1: each character is one byte
 */
export function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}

/** Sends one request with these header lines, and returns the answer. */
export async function request(port: number, lines: string[], path = '/'): Promise<RawResponse> {
  const head = [`GET ${path} HTTP/1.1`, 'host: test', 'connection: close', ...lines].join('\r\n')
  return parse(await sendRaw(port, `${head}\r\n\r\n`))
}

export function parse(text: string): RawResponse {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  const [first = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  return { status: Number(first.split(' ')[1]), headers, body }
}
