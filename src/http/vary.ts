/** Shared caches in front of an app: an answer that they may keep is told apart by the credential that decided. */
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * An `onSend` hook. Caches take care of `Authorization` by themselves (RFC 9111, 3.5) and of no other header, so that one
 * tenant's answer would be served to others. What no shared cache may keep costs one look at `Cache-Control`.
 */
export function varyBy(header: string) {
  return (
    _request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (error: null, payload: unknown) => void,
  ): void => {
    if (reply.hasHeader('cache-control') || reply.hasHeader('expires')) addVary(reply, header)
    done(null, payload)
  }
}

function addVary(reply: FastifyReply, header: string): void {
  const given = (name: string) => String(reply.getHeader(name) ?? '')
  if (/(?:^|[\s,])(?:no-store|private)(?:$|[\s,])/i.test(given('cache-control'))) return
  const vary = given('vary')
  const names = vary.toLowerCase().split(/\s*,\s*/)
  if (names.includes('*') || names.includes(header)) return
  void reply.header('vary', vary === '' ? header : `${vary}, ${header}`)
}
