/** A route for one sender, who signs the bytes of the body: they are kept as they come, whatever the app does to bodies. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorEnvelope } from './error-envelope.ts'
import { TenantAuthError } from './errors.ts'

/** Of no use to whoever reads the app's document. */
const HIDDEN: object = { hide: true }

export interface SignedRoute {
  url: string
  /** Bytes. */
  bodyLimit: number
  /** Before the body is read. */
  admit?: (request: FastifyRequest) => void
  /** @returns what is answered, as JSON with status 200 */
  answer: (request: FastifyRequest, body: Buffer) => Promise<object>
}

/** Call it in a scope of the route's own: parsers and the error handler are the scope's. */
export function defineSignedRoute(
  app: FastifyInstance,
  { url, bodyLimit, admit, answer }: SignedRoute,
): void {
  const bodies = new WeakMap<FastifyRequest, Buffer>()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    bodies.set(request, body)
  })
  app.setValidatorCompiler(() => () => true)
  app.setErrorHandler((error, request: FastifyRequest, reply: FastifyReply) => {
    void reply.serializer((payload: unknown) => payload as string)
    errorEnvelope(error, request, reply)
  })
  app.addHook('onRequest', async (request) => admit?.(request))
  app.route({
    method: 'POST',
    url,
    bodyLimit,
    schema: HIDDEN,
    handler: async (request, reply) => {
      const told = await answer(request, bodies.get(request) ?? Buffer.alloc(0))
      return reply
        .header('cache-control', 'no-store')
        .type('application/json; charset=utf-8')
        .send(Buffer.from(JSON.stringify(told)))
    },
  })
}

/** The one answer to whatever is not signed as it must be. */
export function notSigned(): TenantAuthError {
  return new TenantAuthError('WEBHOOK_NOT_SIGNED', 'The request is not signed by its supposed sender')
}

/** JSON that was signed, and yet may be anything. */
export function signedJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw Object.assign(new Error('The body must be JSON'), { statusCode: 400 })
  }
}
