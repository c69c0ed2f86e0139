/** Shared caches in front of an app: an answer that they may keep is told apart by the credential that decided. */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Statuses that caches may keep without being told to (RFC 9110, 15.1). None of a refusal. */
const KEPT_UNASKED = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
/** What lets a shared cache keep an answer to a request with `Authorization` (RFC 9111, 3.5). */
const SHARED = /(?:^|[\s,])(?:public|must-revalidate|s-maxage\s*=)/i
const NOT_SHARED = /(?:^|[\s,])(?:no-store|private)(?:$|[\s,])/i

/**
 * An `onSend` hook. Caches take care of `Authorization` by themselves unless they are told to share (RFC 9111, 3.5), and of no
 * other header, so that one tenant's answer would be served to others. A GET needs no `Cache-Control` for that: a cache may
 * keep it by its own judgement (4.2.2), and Varnish does, for two minutes. Other methods are kept only where the answer
 * says for how long.
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

function isKept({ method }: FastifyRequest, reply: FastifyReply): boolean {
  const isKeptUnasked = (method === 'GET' || method === 'HEAD') && KEPT_UNASKED.has(reply.statusCode)
  if (!isKeptUnasked && !reply.hasHeader('cache-control') && !reply.hasHeader('expires')) return false
  const control = reply.getHeader('cache-control')
  return control === undefined || !NOT_SHARED.test(String(control))
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
