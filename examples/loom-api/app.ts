/** The app as a whole: who may call a route is decided by the scope that it stands in. */
import fastify, { type FastifyInstance } from 'fastify'
import {
  consoleAuth,
  errorEnvelope,
  genReqId,
  KeyManager,
  keyRoutes,
  redactCredentials,
  tenantAuth,
  type WritableKeyStore,
} from 'fastify-tenant-auth'
import { apiDocument, hidden, operation } from './api-document.ts'
import { auditLog } from './audit-log.ts'
import { consoleRoutes } from './console-routes.ts'
import { dashboard } from './dashboard/plugin.ts'
import { openKeyStore } from './key-store.ts'
import { describeLimits, limitFailures, limitTenants } from './rate-limits.ts'
import type { Settings } from './settings.ts'
import { chooseSignIn } from './sign-in.ts'
import { SCOPES, tenantRoutes } from './tenant-routes.ts'
import { tenantOfOrganization } from './tenants.ts'

const ENVIRONMENTS = ['live', 'test']

const health = operation({
  operationId: 'health',
  summary: 'Whether this instance may be sent traffic: 200 if so, else 503',
})

export interface App {
  app: FastifyInstance
  keyStore: WritableKeyStore
}

/** Opens the store and registers everything. The caller listens; closing the app closes all that was opened here. */
export async function buildApp(settings: Settings): Promise<App> {
  const { logLevel, trustProxy } = settings
  const app = fastify({
    genReqId,
    trustProxy,
    logger: { level: logLevel, redact: redactCredentials },
    // What the router refuses reaches no error handler.
    frameworkErrors: errorEnvelope,
    // By default Fastify takes out what a schema does not know and makes "5" of 5: a caller's mistake then goes unseen.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
  })
  app.setErrorHandler(errorEnvelope)
  app.setNotFoundHandler(errorEnvelope)

  await apiDocument(app)
  await limitFailures(app, settings)

  const keyStore = await openKeyStore(app, settings.keys)
  await app.register(async (api) => {
    await api.register(tenantAuth, { keyStore })
    limitTenants(api, settings)
    describeLimits(api)
    await api.register(tenantRoutes)
    // Open, because it stands in the outer scope.
    app.get('/health', { schema: health }, async (_request, reply) => {
      const ready = api.tenantAuth.isReady()
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'waiting for the key store' })
    })
  })

  const { options, routes, page } = await chooseSignIn(settings.signIn)
  const keys = new KeyManager(keyStore, { environments: ENVIRONMENTS, scopes: SCOPES })
  await app.register(
    async (console) => {
      await console.register(consoleAuth, options)
      describeLimits(console)
      await console.register(consoleRoutes)
      await console.register(keyRoutes, {
        keys,
        tenantOf: tenantOfOrganization(keys),
        onAudit: auditLog(app.log),
      })
    },
    { prefix: '/console' },
  )
  if (routes !== undefined) await app.register(routes)
  await app.register(dashboard, { signIn: page, environments: ENVIRONMENTS, scopes: SCOPES })
  for (const url of ['/', '/dashboard/']) {
    app.get(url, { schema: hidden }, (_request, reply) => reply.redirect('/dashboard'))
  }
  return { app, keyStore }
}
