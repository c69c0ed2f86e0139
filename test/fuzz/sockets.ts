/** Bytes that no client library would send. */
import * as fc from 'fast-check'
import { connect } from 'node:net'
import { probe, text } from './probe.ts'

const LINES = [
  'GET /api/who HTTP/1.1',
  'POST /api/who HTTP/1.1',
  'HEAD /api/who HTTP/1.1',
  'GET /console/me HTTP/1.1',
  'GET /api/who HTTP/1.0',
  'GET http://x/api/who HTTP/1.1',
  'GET /api/who?k={good} HTTP/1.1',
  'POST /console/keys HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'CONNECT x:1 HTTP/1.1',
  'GET /api/who',
  'get /api/who HTTP/1.1',
  'PRI * HTTP/2.0',
  'POST /leak-reports HTTP/1.1',
  'POST /clerk-webhooks HTTP/1.1',
]
const FIELDS = [
  'host: x',
  'x-tenant-api-key: {good}',
  'x-tenant-api-key: {unknown}',
  'X-TENANT-API-KEY:\t{good} ',
  'x-tenant-api-key : {good}',
  ' x-tenant-api-key: {good}',
  'x-tenant-api-key:{good}\0',
  'x-tenant-api-key: \r\n {good}',
  'x_tenant_api_key: {good}',
  'authorization: Bearer {admin}',
  'authorization: Bearer {foreign}',
  'content-length: 5',
  'content-length: 0',
  'content-length: -1',
  'Content-Length: 5, 5',
  'transfer-encoding: chunked',
  'transfer-encoding: xchunked',
  'Transfer-Encoding:\x0bchunked',
  'expect: 100-continue',
  'connection: close',
  'connection: close, x-tenant-api-key',
  'upgrade: websocket',
  'connection: upgrade',
  'trailer: x-tenant-api-key',
  'accept-version: {good}',
  'content-type: application/json',
  'x: \xff\xfe',
]
const BODIES = [
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\nx-tenant-api-key: {good}\r\n\r\n',
  '{"name":"{good}"}',
  'GET /api/who HTTP/1.1\r\nhost: x\r\n\r\n',
  'ffffffffffffffffff\r\n',
  '\0\0\0',
]
const bytes = fc.record({
  line: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...LINES) }, text),
  fields: fc.array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...FIELDS) }, text), { maxLength: 6 }),
  body: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...BODIES) }, text),
  end: fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r'),
  close: fc.boolean(),
})
export const sockets = probe(
  'sockets',
  1,
  fc.array(bytes, { minLength: 8, maxLength: 24 }),
  async (subject, volley) => {
    const answers = await Promise.all(
      volley.map(({ line, fields, body, end, close }) => {
        const lines = [line, 'host: x', ...(close ? ['connection: close'] : []), ...fields]
        return exchange(subject.port, subject.fill(`${lines.join(end)}${end}${end}${body}`))
      }),
    )
    for (const answer of answers) {
      subject.watch('an answer on a socket', answer)
      const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]
      if (status !== undefined && Number(status) >= 500 && status !== '505')
        subject.find(`on a socket answered ${status}: ${answer.slice(0, 300)}`)
    }
    return volley.length
  },
)

/** Until the server closes, or has nothing more to say. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setTimeout(60, () => socket.destroy())
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      // A keep-alive answer that is whole.
      if (/\r\n\r\n/.test(answer)) socket.setTimeout(15)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}
