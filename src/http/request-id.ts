/** Request ids in the form that error bodies show: `req_` and 128 random bits. */
import { randomBytes } from 'node:crypto'

/**
 * For Fastify's `genReqId` option: `fastify({ genReqId })`.
 *
 * @returns `req_` and 22 base64url characters
 */
export function genReqId(): string {
  return `req_${randomBytes(16).toString('base64url')}`
}
