/** Ids of requests: as error bodies show them, and of the form `req_` and 128 random bits. */
import { randomBytes } from 'node:crypto'

/**
 * For Fastify's `genReqId` option: `fastify({ genReqId })`.
 *
 * @returns `req_` and 22 base64url characters
 */
export function genReqId(): string {
  return `req_${randomBytes(16).toString('base64url')}`
}

/** The id of a request as text, whatever the app's `genReqId` makes: a BigInt and an object cannot become JSON. */
export function requestIdOf({ id }: { readonly id: unknown }): string {
  if (typeof id === 'string') return id
  try {
    return String(id)
  } catch {
    return ''
  }
}
