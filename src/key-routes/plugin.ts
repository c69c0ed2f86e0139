/** `keyRoutes`: the keys of the signed-in user's own tenant, over HTTP. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errorEnvelope } from '../http/error-envelope.ts'
import { badOption } from '../http/errors.ts'
import { type Caller, demand, identify } from './access.ts'
import { type KeyRoutesOptions, readOptions } from './options.ts'
import { defineRoutes } from './routes.ts'
import { strictValidator } from './validation.ts'

/** Bytes. A body with all that the schemas take stays under it. */
const BODY_LIMIT = 16_384

async function register(app: FastifyInstance, options: KeyRoutesOptions): Promise<void> {
  const settings = readOptions(options)
  if (!app.hasRequestDecorator('consoleUser')) {
    throw badOption('keyRoutes', 'registered in a scope that consoleAuth guards')
  }
  const callers = new WeakMap<FastifyRequest, Caller>()

  // All of this is set in a scope of their own, so that these routes keep their word in any app: its validator,
  // serializer and error handler are its own affair, and it may have none.
  app.setValidatorCompiler(strictValidator)
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler(answerError)
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= BODY_LIMIT
    // A transform of the app's is made for schemas of the app's.
    Object.assign(route, { config: { ...route.config, swaggerTransform: false } })
  })
  app.addHook('onRequest', async (request) => {
    const caller = await identify(request, settings)
    demand(
      request,
      caller,
      request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write',
      settings,
    )
    callers.set(request, caller)
  })
  app.addHook('onSend', async (_request, reply) => {
    void reply.header('cache-control', 'no-store')
  })
  defineRoutes(app, settings, (request) => callers.get(request) as Caller)
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof Error && 'statusCode' in error && error.statusCode === 503) {
    void reply.header('retry-after', '1')
  }
  errorEnvelope(error, request, reply)
}

/**
 * List, create, change, rotate and revoke the keys of the signed-in user's own tenant.
 *
 * Register it below `consoleAuth`, once in a scope. `GET /keys`, `POST /keys`, `GET /keys/:id`, `PATCH /keys/:id`,
 * `POST /keys/:id/rotate`, `DELETE /keys/:id`. The tenant comes from the session, another tenant's key is a 404, errors
 * have the envelope whatever error handler the app has.
 *
 * ```ts
 * await app.register(async (dashboard) => {
 *   await dashboard.register(consoleAuth, { jwtKey, authorizedParties: ['https://dashboard.example.com'] })
 *   await dashboard.register(keyRoutes, { keys: new KeyManager(keyStore) })
 * }, { prefix: '/console' })
 * ```
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export const keyRoutes = fp(register, {
  name: 'fastify-tenant-auth/key-routes',
  fastify: '5.x',
  encapsulate: true,
})
