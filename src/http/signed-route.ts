/** A route for one sender, who signs the bytes of the body. They are kept unchanged, whatever parsers the app has. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorEnvelope } from './error-envelope.ts'
import { TenantAuthError } from './errors.ts'
import { type Option, required, withDefault } from '../lib/options.ts'

/** Not in the app's OpenAPI document, whose readers cannot use the route. */
const HIDDEN: object = { hide: true }

export interface SignedRoute {
  url: string
  /** Bytes. */
  bodyLimit: number
  /** Called before the body is read. */
  admit?: (request: FastifyRequest) => void
  /** @returns the response, which is sent as JSON with status 200 */
  answer: (request: FastifyRequest, body: Buffer) => Promise<object>
}

/** The option `url` of a plugin that has such a route. */
export function pathOption(fallback: string): Option<string> {
  const isPath = (value: unknown) => typeof value === 'string' && value.startsWith('/')
  return withDefault(required<string>('a path that begins with /', isPath), fallback)
}

/** Call it in a separate scope, because it replaces the parsers and the error handler of the scope. */
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

/** The one error for every request without a valid signature. */
export function notSigned(): TenantAuthError {
  return new TenantAuthError('WEBHOOK_NOT_SIGNED', 'The request is not signed by its supposed sender')
}

/** Parses a signed body. The JSON may still be anything. */
export function signedJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw Object.assign(new Error('The body must be JSON'), { statusCode: 400 })
  }
}
