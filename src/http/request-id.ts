/** Request ids: generates them as `req_` and 128 random bits, and turns any other id into text for error bodies. */
import { randomBytes } from 'node:crypto'

/**
 * Generates a request id. Set it as Fastify's `genReqId` option: `fastify({ genReqId })`.
 *
 * @returns `req_` and 22 base64url characters
 */
export function genReqId(): string {
  return `req_${randomBytes(16).toString('base64url')}`
}

/** The id of a request as text, whatever the app's `genReqId` returns: a BigInt, for one, cannot become JSON. */
export function requestIdOf({ id }: { readonly id: unknown }): string {
  if (typeof id === 'string') return id
  try {
    return String(id)
  } catch {
    return ''
  }
}
