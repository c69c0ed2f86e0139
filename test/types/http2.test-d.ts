/** Compiled, never run: apps over HTTP/2, secure or not, accept what apps over HTTP/1 accept. */
import fastify from 'fastify'
import {
  consoleAuth,
  errorEnvelope,
  getConsoleUser,
  getTenant,
  getTenantKey,
  tenantAuth,
} from 'fastify-tenant-auth'
import type { KeyStore } from 'fastify-tenant-auth'

declare const keyStore: KeyStore

for (const app of [fastify({ http2: true })]) {
  app.setErrorHandler(errorEnvelope)
  app.setNotFoundHandler(errorEnvelope)
  void app.register(tenantAuth, { keyStore, errorResponse: (error) => error.code })
  void app.register(consoleAuth, { jwtKey: 'pem', authorizedParties: false })
  app.addHook('onRequest', app.verifyTenantKey)
  app.addHook('onRequest', async (request, reply) => app.verifyConsoleSession(request, reply))
  app.get('/', { onRequest: app.verifyTenantKey }, async (request) => [
    request.tenant.id,
    request.consoleUser.userId,
    getTenant(request)?.id,
    getTenantKey(request)?.id,
    getConsoleUser(request)?.userId,
  ])
}
const secure = fastify({ http2: true, https: { key: '', cert: '' } })
secure.setErrorHandler(errorEnvelope)
secure.setNotFoundHandler(errorEnvelope)
void secure.register(tenantAuth, { keyStore })
secure.addHook('onRequest', async (request, reply) => secure.verifyTenantKey(request, reply))
secure.get('/', { preHandler: secure.verifyTenantKey }, async (request) => getTenant(request))
