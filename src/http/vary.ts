/** Shared caches in front of an app: an answer that they may keep is told apart by the credential that decided. */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Statuses that caches may keep without being told to (RFC 9110, 15.1). None of a refusal. */
const KEPT_UNASKED = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])

/**
 * An `onSend` hook. Caches take care of `Authorization` by themselves (RFC 9111, 3.5) and of no other header, so that one
 * tenant's answer would be served to others. A GET needs no `Cache-Control` for that: a cache may keep it by its own
 * judgement (4.2.2), and Varnish does, for two minutes. Other methods are kept only where the answer says for how long.
 */
export function varyBy(header: string) {
  return (
    { method }: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (error: null, payload: unknown) => void,
  ): void => {
    const isKeptUnasked = (method === 'GET' || method === 'HEAD') && KEPT_UNASKED.has(reply.statusCode)
    if (isKeptUnasked || reply.hasHeader('cache-control') || reply.hasHeader('expires')) {
      addVary(reply, header)
    }
    done(null, payload)
  }
}

function addVary(reply: FastifyReply, header: string): void {
  const control = reply.getHeader('cache-control')
  if (control !== undefined && /(?:^|[\s,])(?:no-store|private)(?:$|[\s,])/i.test(String(control))) return
  const vary = String(reply.getHeader('vary') ?? '')
  if (vary === '') {
    void reply.header('vary', header)
    return
  }
  const names = vary.toLowerCase().split(/\s*,\s*/)
  if (names.includes('*') || names.includes(header)) return
  void reply.header('vary', `${vary}, ${header}`)
}
