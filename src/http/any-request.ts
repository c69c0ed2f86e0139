/** What the package needs of requests and replies of any server. HTTP/1 and HTTP/2, secure or not, have different types. */
import type { IncomingHttpHeaders } from 'node:http'

export interface AnyRequest {
  /** Whatever the app's `genReqId` returns. */
  readonly id: unknown
  readonly headers: IncomingHttpHeaders
  readonly log: { error(details: object, message: string): void }
}

export interface AnyReply {
  readonly statusCode: number
  code(statusCode: number): unknown
  type(contentType: string): unknown
  headers(headers: object): unknown
  send(payload: string): unknown
}
