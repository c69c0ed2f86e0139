/** `keyRoutes`: manages the keys of the signed-in user's tenant over HTTP. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errorEnvelope } from '../http/error-envelope.ts'
import { type Caller, identify } from './access.ts'
import { readBodies } from './body.ts'
import { type KeyRoutesOptions, readOptions } from './options.ts'
import { defineRoutes } from './routes.ts'

/** Bytes. The largest body that the schemas take is smaller. */
const BODY_LIMIT = 16_384

async function register(app: FastifyInstance, options: KeyRoutesOptions): Promise<void> {
  const settings = readOptions(app, options)
  const callers = new WeakMap<FastifyRequest, Caller>()

  // These routes have a scope to themselves, so that they behave the same in any app, whatever its parsers, validator,
  // serializers and error handler are.
  readBodies(app)
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler(answerError)
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= BODY_LIMIT
    // The app's transform is made for the app's schemas.
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
  // The payload is text already. The app's serializer would serialize it again.
  void reply.serializer((payload: unknown) => payload as string)
  errorEnvelope(error, request, reply)
}

/**
 * Routes that list, create, change, rotate and revoke the keys of the signed-in user's tenant.
 *
 * Register it in a scope that `consoleAuth` guards, or in one below, once per scope. The routes are `GET /keys`,
 * `POST /keys`, `GET /keys/:id`, `PATCH /keys/:id`, `POST /keys/:id/rotate` and `DELETE /keys/:id`. The tenant comes from
 * the session. Another tenant's key is a 404. Errors have the envelope, whatever error handler the app has.
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
