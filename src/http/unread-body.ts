/**
 * Leaves the body of a refused request unread, and ends the connection with the response. Otherwise Node would send
 * `100 Continue` before the credential is checked, and would read the announced body to its end, even gigabytes.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type AuthErrorCode, statusOf } from './errors.ts'

/** The headers of the response to such a request. */
export const CLOSE = Object.freeze({ connection: 'close' })

/** Bytes. A body up to this size is read anyway, so that a client that may be let in later keeps its connection. */
const SMALL = 65_536

/**
 * Makes the app's server answer `Expect: 100-continue` when the body is first read, instead of before the request is
 * checked. Does nothing if the app has its own `checkContinue` listener.
 */
export function inviteBodiesLate({ server }: FastifyInstance): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read.bind(request)
    request._read = (size) => {
      request._read = read
      // If the response has begun, it already says whether the body is still wanted.
      if (!response.headersSent) response.writeContinue()
      read(size)
    }
    server.emit('request', request, response)
  })
}

/**
 * Whether to leave the body of a refused request unread: with a bad credential, any body; with a good one, a body that is
 * large or of unknown size.
 */
export function leavesBody({ raw, headers }: FastifyRequest, code: AuthErrorCode): boolean {
  // HTTP/2 streams end by themselves.
  if (raw.httpVersionMajor > 1) return false
  const length = headers['content-length']
  if (headers['transfer-encoding'] !== undefined) return true
  if (length === undefined || length === '0') return false
  return statusOf(code) === 401 || !(Number(length) <= SMALL)
}
