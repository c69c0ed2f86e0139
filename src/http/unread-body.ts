/**
 * The body of a request that is refused: it is not asked for, and the connection ends with the answer. Node reads what is
 * announced to its end otherwise, gigabytes of it, and sends `100 Continue` before anybody has looked at the credential.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type AuthErrorCode, statusOf } from './errors.ts'

/** What the answer of such a request has in its headers. */
export const CLOSE = Object.freeze({ connection: 'close' })

/** Bytes that are read all the same, so that a client which may be let in tomorrow keeps its connection. */
const SMALL = 65_536

/**
 * Has the server of an app invite a body (`Expect: 100-continue`) when somebody begins to read it, in place of before the
 * request is looked at. Left alone where the app has a listener of its own for this.
 */
export function inviteBodiesLate({ server }: FastifyInstance): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read.bind(request)
    request._read = (size) => {
      request._read = read
      // The answer itself, once it is there, says whether the body is still wanted.
      if (!response.headersSent) response.writeContinue()
      read(size)
    }
    server.emit('request', request, response)
  })
}

/**
 * Whether a refused request has a body that is not worth waiting for: any one of a bad credential, and a large one or
 * one of unknown size of a good credential.
 */
export function leavesBody({ raw, headers }: FastifyRequest, code: AuthErrorCode): boolean {
  // Streams of HTTP/2 end by themselves.
  if (raw.httpVersionMajor > 1) return false
  const length = headers['content-length']
  if (headers['transfer-encoding'] !== undefined) return true
  if (length === undefined || length === '0') return false
  return statusOf(code) === 401 || !(Number(length) <= SMALL)
}
