/** The plugin: guards the scope that registers it with the tenants' API keys. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { FleetReport } from '../coherence/fleet-report.ts'
import type { AnyRequest } from '../http/any-request.ts'
import { announceChecker } from '../http/demands.ts'
import { TenantAuthError } from '../http/errors.ts'
import { Guard } from '../http/guard.ts'
import { UsageRecorder } from './usage-recorder.ts'
import { describeGuard, tenantKeyGuard } from '../http/openapi.ts'
import { varyBy } from '../http/vary.ts'
import { claimScope, declareEverywhere } from '../http/scope.ts'
import { quietly } from '../lib/quietly.ts'
import { isWritable } from '../stores/writable-key-store.ts'
import type { Tenant, TenantKey } from '../cache/verdict.ts'
import { Authenticator, kEntry } from './authenticator.ts'
import { checkOptions, checkRouteConfig } from './options.ts'
import { REASONS } from './refusals.ts'
import type { TenantAuthOptions } from './types.ts'

async function plugin(app: FastifyInstance, given: TenantAuthOptions): Promise<void> {
  const options = checkOptions(given)
  claimScope(app, 'tenantAuth')
  app.decorateRequest(kEntry, null)
  const { tenant, tenantKey } = options.decorators
  declareEverywhere(
    app,
    tenant,
    function () {
      return entryOf(this, tenant).tenant
    },
    'decorators.tenant must be another name',
  )
  declareEverywhere(
    app,
    tenantKey,
    function () {
      return entryOf(this, tenantKey).key
    },
    'decorators.tenantKey must be another name',
  )

  const recorder =
    options.trackLastUsed && isWritable(options.keyStore)
      ? new UsageRecorder(options.keyStore, {
          onError: (err) =>
            quietly('The logger', () => app.log.warn({ err }, 'could not record when keys were last used')),
        })
      : undefined
  const authenticator = new Authenticator(options, {
    onUse: recorder && ((keyId, wall) => recorder.note(keyId, wall)),
    onReport: (report) => quietly('The logger', () => logReport(app, report)),
  })
  const guard = new Guard({
    plugin: 'tenantAuth',
    check: (request) => authenticator.check(request),
    reasons: REASONS,
    errorResponse: options.errorResponse,
  })

  app.decorate('tenantAuth', {
    stats: () => ({
      accepted: guard.accepted,
      refused: { ...guard.refused },
      ...authenticator.cache.stats(),
    }),
    isReady: () => authenticator.cache.ready,
  })
  app.decorate('verifyTenantKey', (request) => guard.verify(request as FastifyRequest))
  announceChecker(app, 'tenantAuth', {
    hook: options.addHook,
    admitted,
    refuse: (request) => guard.refuse(request, authenticator.refusalOfOther(request)),
  })

  app.addHook('onRoute', ({ config, url }) => checkRouteConfig(config?.tenantAuth, url))
  app.addHook('onReady', () => authenticator.cache.start())
  // Before `onClose`, in which an app may end the pool that both need.
  app.addHook('preClose', async () => {
    await authenticator.cache.close()
    await recorder?.close()
  })

  app.addHook('onSend', varyBy(options.header, admitted))

  if (!options.addHook) return
  await describeGuard(app, tenantKeyGuard(options.header, options.errorResponse === undefined))
  app.addHook('onRequest', guard.hook)
}

function admitted(request: FastifyRequest): boolean {
  return request[kEntry] !== null && request[kEntry] !== undefined
}

/**
 * Returns the tenant of a request, or `null` if `tenantAuth` has not let it in. For hooks, serializers and log lines in
 * any scope, where `request.tenant` would throw.
 *
 * ```ts
 * const logger = { serializers: { res: (reply) => ({ status: reply.statusCode, tenant: getTenant(reply.request)?.id }) } }
 * ```
 */
export function getTenant(request: AnyRequest | undefined): Tenant | null {
  return (request as FastifyRequest | undefined)?.[kEntry]?.tenant ?? null
}

/** Returns the key of a request, or `null`, like `getTenant`. */
export function getTenantKey(request: AnyRequest | undefined): TenantKey | null {
  return (request as FastifyRequest | undefined)?.[kEntry]?.key ?? null
}

function entryOf(request: FastifyRequest, name: string) {
  const entry = request[kEntry]
  // Undefined in scopes that the plugin does not reach, and in scopes that existed before it.
  if (entry !== null && entry !== undefined) return entry
  throw new TenantAuthError(
    'TENANT_AUTH_NOT_AUTHENTICATED',
    `request.${name} was read in a request that tenantAuth did not let in: its hook is off (addHook: false), has not run yet, or guards another scope. In hooks, serializers and log lines, use ${name === 'tenantKey' ? 'getTenantKey' : 'getTenant'}(request), which returns null there`,
  )
}

const GONE = {
  reaped:
    'this instance lost its row, because it was silent for longer than its lease or somebody deleted it: it registers again',
  lost: 'the store has a different history, which does not know this instance: it registers again',
  taken:
    'another process uses the identity of this instance, as a copied virtual machine does: it registers again',
}

function logReport(app: FastifyInstance, report: FleetReport): void {
  switch (report.event) {
    case 'state': {
      const { state, from, cause } = report
      if (state === 'coherent') app.log.info({ state, from }, 'the key cache is coherent')
      else
        app.log.warn(
          { state, from, err: cause },
          'the key cache may not be used now: every key is looked up in the store',
        )
      break
    }
    case 'disconnected':
      app.log.warn({ err: report.cause }, 'the heartbeat connection was lost: reconnecting')
      break
    case 'spoilt':
      app.log.warn({ count: report.count }, `closed a connection and used another one: ${report.words}`)
      break
    case 'gone':
      app.log.warn({ reason: report.reason }, GONE[report.reason])
      break
    case 'reset':
      app.log.warn({ reason: report.reason }, 'the key cache was emptied')
      break
    case 'confirmed': {
      const { reaped, confirmation } = report
      const level = confirmation.confirmedBy === 'all' ? 'info' : 'warn'
      app.log[level]({ ...confirmation, reaped }, 'a change of keys was confirmed')
      break
    }
    case 'frozen':
      app.log.warn(
        { count: report.count },
        'this process is often stopped for longer than its lease, and revocations wait for it: if your platform freezes instances, set cache to false',
      )
      break
    case 'push-silent':
      app.log.warn(
        'pushes of key changes do not arrive, so changes wait for the next heartbeat. Does a connection pooler drop LISTEN?',
      )
      break
    case 'push-restored':
      app.log.info('pushes of key changes arrive again')
      break
  }
}

/**
 * Guards every route of the scope that registers it, and of the scopes below. It refuses requests without a good tenant
 * API key before their body is read. All others have `request.tenant` and `request.tenantKey`.
 *
 * ```ts
 * await app.register(async (api) => {
 *   await api.register(tenantAuth, { keyStore })
 *   api.get('/usage', async (request) => usageOf(request.tenant.id))
 * })
 * ```
 *
 * @throws `TENANT_AUTH_BAD_OPTION`, `TENANT_AUTH_ALREADY_REGISTERED` at registration
 */
export const tenantAuth = fp(plugin, { name: 'fastify-tenant-auth/tenant-auth', fastify: '5.x' })
