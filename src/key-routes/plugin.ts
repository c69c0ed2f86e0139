/** `keyRoutes`: the keys of the signed-in user's own tenant, over HTTP. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errorEnvelope } from '../http/error-envelope.ts'
import { type Caller, identify } from './access.ts'
import { readBodies } from './body.ts'
import { type KeyRoutesOptions, readOptions } from './options.ts'
import { defineRoutes } from './routes.ts'

/** Bytes. A body with all that the schemas take stays under it. */
const BODY_LIMIT = 16_384

async function register(app: FastifyInstance, options: KeyRoutesOptions): Promise<void> {
  const settings = readOptions(app, options)
  const callers = new WeakMap<FastifyRequest, Caller>()

  // All of this is set in a scope of their own, so that these routes keep their word in any app, whatever its parsers,
  // validator, serializers and error handler are.
  readBodies(app)
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler(answerError)
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= BODY_LIMIT
    // A transform of the app's is made for schemas of the app's.
    Object.assign(route, { config: { ...route.config, swaggerTransform: false } })
  })
  app.addHook('onRequest', async (request, reply) => {
    callers.set(request, await identify(request, reply, settings))
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
  // Text is sent as it is: a serializer of the app's would make text of it once more.
  void reply.serializer((payload: unknown) => payload as string)
  errorEnvelope(error, request, reply)
}

/**
 * List, create, change, rotate and revoke the keys of the signed-in user's own tenant.
 *
 * Register it in a scope that `consoleAuth` guards, or below, once in a scope. `GET /keys`, `POST /keys`, `GET /keys/:id`, `PATCH /keys/:id`,
 * `POST /keys/:id/rotate`, `DELETE /keys/:id`. The tenant comes from the session, another tenant's key is a 404, errors
 * have the envelope whatever error handler the app has.
 *
 * ```ts
 * await app.register(async (dashboard) => {
 *   await dashboard.register(consoleAuth, { jwtKey, authorizedParties: ['https://dashboard.example.com'] })
 *   await dashboard.register(keyRoutes, { keys: new KeyManager(keyStore, { scopes: ['usage:read'] }) })
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
