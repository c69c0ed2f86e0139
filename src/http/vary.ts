/** Adds `Vary` to responses, so that shared caches in front of an app keep one for each credential. */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Statuses that caches may keep without being told to (RFC 9110, 15.1). No refusal has one. */
const KEPT_UNASKED = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
/** Directives that let a shared cache keep a response to a request with `Authorization` (RFC 9111, 3.5). */
const SHARED = /(?:^|[\s,])(?:public|must-revalidate|s-maxage\s*=)/i
const NOT_SHARED = /(?:^|[\s,])(?:no-store|private)(?:$|[\s,])/i

/**
 * Returns an `onSend` hook. Caches do not share responses to requests with `Authorization` unless told to (RFC 9111, 3.5).
 * They treat no other header like that, so they would serve one tenant's response to others. A GET needs no `Cache-Control`
 * for that: a cache may keep the response by its own judgment (4.2.2), and Varnish does, for two minutes. Caches keep
 * responses to other methods only if the response says for how long.
 *
 * @param admitted whether the request was let in by this header
 */
export function varyBy(header: string, admitted: (request: FastifyRequest) => boolean) {
  const mayBeKept = header === 'authorization' ? isShared : isKept
  return (
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    done: (error: null, payload: unknown) => void,
  ): void => {
    if (mayBeKept(request, reply) && admitted(request)) addVary(reply, header)
    done(null, payload)
  }
}

function isKept(request: FastifyRequest, reply: FastifyReply): boolean {
  const control = reply.getHeader('cache-control')
  if (control !== undefined) return !NOT_SHARED.test(String(control))
  const { method } = request
  const isKeptUnasked = (method === 'GET' || method === 'HEAD') && KEPT_UNASKED.has(reply.statusCode)
  return isKeptUnasked || reply.hasHeader('expires')
}

function isShared(_request: FastifyRequest, reply: FastifyReply): boolean {
  const control = reply.getHeader('cache-control')
  return control !== undefined && SHARED.test(String(control))
}

function addVary(reply: FastifyReply, header: string): void {
  const vary = reply.getHeader('vary')
  if (vary === undefined || vary === '') {
    void reply.header('vary', header)
    return
  }
  const names = String(vary)
    .toLowerCase()
    .split(/\s*,\s*/)
  if (!names.includes('*') && !names.includes(header)) void reply.header('vary', `${String(vary)}, ${header}`)
}
