/** The app as a whole. The scope of a route decides who may call it. */
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
import { apiDocument, hidden } from './api-document.ts'
import { auditLog } from './audit-log.ts'
import { readForwardedAddresses } from './client-address.ts'
import { consoleRoutes } from './console-routes.ts'
import { dashboard } from './dashboard/plugin.ts'
import { openKeyStore } from './key-store.ts'
import { type Health, probes } from './probes.ts'
import { describeLimits, limitFailures, limitTenants } from './rate-limits.ts'
import type { Settings } from './settings.ts'
import { chooseSignIn } from './sign-in.ts'
import { SCOPES, tenantRoutes } from './tenant-routes.ts'
import { tenantOfOrganization } from './tenants.ts'

const ENVIRONMENTS = ['live', 'test']

export interface App {
  app: FastifyInstance
  keyStore: WritableKeyStore
  /** Resolves when the key store can be used. With `waitForStore`, the app is built and may listen before that. */
  opened: Promise<void>
  /** Reports that this instance is no longer ready, and tells each client to reconnect, elsewhere. */
  retire: () => void
}

/**
 * Opens the store and registers everything. The caller calls `listen()`. Closing the app closes all that was opened here.
 *
 * @param stream receives the log lines. Default: standard output
 */
export async function buildApp(settings: Settings, stream?: { write(line: string): void }): Promise<App> {
  const { logLevel, trustProxy } = settings
  const app = fastify({
    genReqId,
    trustProxy,
    logger: { level: logLevel, redact: redactCredentials, ...(stream && { stream }) },
    // The router's own errors do not reach the error handler.
    frameworkErrors: errorEnvelope,
    // Answer requests that arrive on open connections while the app closes.
    return503OnClosing: false,
    // By default, Fastify removes properties that a schema does not know and turns 5 into "5", which hides mistakes.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
  })
  app.setErrorHandler(errorEnvelope)
  app.setNotFoundHandler(errorEnvelope)

  await apiDocument(app)
  const { keyStore, opened } = await openKeyStore(app, settings)
  readForwardedAddresses(app)
  const failures = await limitFailures(app, settings)

  const health: Health = { isOpen: false, isClosing: false }
  app.addHook('onRequest', async (_request, reply) => {
    if (health.isClosing) void reply.header('connection', 'close')
  })

  opened.then(
    () => (health.isOpen = true),
    () => {},
  )
  await app.register(async (api) => {
    failures.guard(api)
    await api.register(tenantAuth, { keyStore })
    limitTenants(api, settings)
    describeLimits(api)
    await api.register(tenantRoutes)
    probes(app, api, health)
  })

  const { options, routes, page } = await chooseSignIn(settings.signIn)
  const keys = new KeyManager(keyStore, { environments: ENVIRONMENTS, scopes: SCOPES })
  await app.register(
    async (console) => {
      failures.guard(console)
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
  return { app, keyStore, opened, retire: () => void (health.isClosing = true) }
}
