/**
 * Makes sure that a guard checks what routes require (`config.tenantAuth`, `config.consoleAuth`). A demand that no guard
 * checks keeps the app from starting, and a credential that cannot meet a demand is refused.
 *
 * Fastify passes routes only to hooks that were added before them. Each app is therefore watched from its creation, which
 * the channel `fastify.initialization` publishes. An app that was created before this package was loaded is watched from
 * its first guard on.
 */
import { subscribe } from 'node:diagnostics_channel'
import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
} from 'fastify'
import { nearestName } from '../lib/nearest-name.ts'
import { badOption, TenantAuthError } from './errors.ts'
import { outermostOf } from './scope.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * For a route that takes either credential: each has to meet only the demands on its own kind. Otherwise a credential is
     * refused (403) if the route requires something of the other kind. Default: `false`.
     */
    eitherCredential?: boolean
  }
}

const KINDS = ['tenantAuth', 'consoleAuth'] as const
export type Kind = (typeof KINDS)[number]

export interface Checker {
  /** Whether every route of the scope is guarded. If not, the app calls the check itself. */
  hook: boolean
  /** Whether the check has let the request in. */
  admitted: (request: FastifyRequest) => boolean
  /** Counts and logs a refusal: the route requires what only the other kind of credential can have. */
  refuse: (request: FastifyRequest) => Error
}

/** The checks that reach each scope. A check does not reach scopes that were created before its plugin was registered. */
const reached = new WeakMap<FastifyInstance, Map<Kind, Checker>>()
/** By outermost scope. */
const watched = new WeakSet<FastifyInstance>()

/** Each plugin calls this in the scope that it is registered in. */
export function announceChecker(app: FastifyInstance, kind: Kind, checker: Checker): void {
  watch(app)
  const reach = (scope: FastifyInstance) => {
    const checkers = reached.get(scope) ?? new Map<Kind, Checker>()
    reached.set(scope, checkers.set(kind, checker))
  }
  reach(app)
  // Like the guard's hook, this one reaches only scopes that are created after it.
  app.addHook('onRegister', reach)
}

/** Watches the routes that are declared from now on, in this scope, the outermost, and scopes created below them. */
function watch(app: FastifyInstance): void {
  const outermost = outermostOf(app)
  if (watched.has(outermost)) return
  watched.add(outermost)
  /** The scope of each route, and whether the route had demands when it was declared. */
  const routes = new Map<RouteOptions, { scope: FastifyInstance; demands: boolean }>()
  outermost.addHook('onReady', async () => {
    for (const [route, { scope, demands }] of routes) checkRoute(route, scope, demands)
    routes.clear()
  })
  const see = function (this: FastifyInstance, route: RouteOptions) {
    if (routes.has(route)) return
    refuseMisspelt(route)
    const demands = demandsOf(route.config).length > 0
    routes.set(route, { scope: this, demands })
    if (!demands) return
    // After the app's own hooks, because one of them may call a check. `preHandler` is the last hook before the handler.
    route.onRequest = [route.onRequest ?? [], admittedMeetsAll].flat()
    route.preHandler = [route.preHandler ?? [], allIsMet].flat()
  }
  outermost.addHook('onRoute', see)
  if (outermost !== app) app.addHook('onRoute', see)
}

subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify?: FastifyInstance }
  if (fastify !== undefined) watch(fastify)
})

function demandsOf(config: FastifyContextConfig | undefined): Kind[] {
  return KINDS.filter((kind) => config?.[kind] !== undefined)
}

/**
 * Refuses demands that would have no effect: those with a misspelled name, and those beside `config` instead of in it.
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
function refuseMisspelt(route: RouteOptions): void {
  const { config = {}, url } = route
  const refuse = (names: string[], place: string) => {
    for (const name of names) {
      const meant = nearestName(name, [...KINDS, 'eitherCredential'], 1)
      if (meant === undefined || place + name === `config.${meant}`) continue
      throw badOption(`${place}${name} of route ${url}`, `config.${meant}: as it is, it requires nothing`)
    }
  }
  // Fastify copies a config, but not what it inherits from a class.
  for (const kind of demandsOf(config)) {
    if (!Object.keys(config).includes(kind))
      throw badOption(`config.${kind} of route ${url}`, 'a property of the config itself, not inherited')
  }
  refuse(Object.keys(route), '')
  refuse(Object.keys(config), 'config.')
}

/**
 * @param seen whether the route had demands when it was declared: only then does it have the hooks of this file. Demands
 * that an `onRoute` hook of the app adds later are checked by guards alone
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
function checkRoute(route: RouteOptions, scope: FastifyInstance, seen: boolean): void {
  const { config = {}, method, url } = route
  if (config.eitherCredential !== undefined && typeof config.eitherCredential !== 'boolean') {
    throw badOption(`config.eitherCredential of route ${url}`, 'true or false')
  }
  for (const kind of demandsOf(config)) {
    const checker = reached.get(scope)?.get(kind)
    if (checker?.hook === true || (seen && checker !== undefined && mayBeChecked(route, scope))) continue
    throw new TenantAuthError(
      'TENANT_AUTH_BAD_OPTION',
      `config.${kind} of route ${String(method)} ${url} is not checked by any guard: ` +
        (checker === undefined
          ? `${kind} does not guard the scope of the route. Register it there or in one around it, before the scope is registered`
          : !seen
            ? `${kind} has addHook: false, and an onRoute hook has added the requirement. Set it where the route is declared`
            : `${kind} has addHook: false, and neither the route nor its scope has a hook that could call its check. Add such a hook`),
    )
  }
}

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

/**
 * Whether the app has a hook that may call the check. Only a request shows whether it does. Fastify has no public name for
 * the hooks of a scope: if they cannot be found, this returns true and leaves the rest to the request, too.
 */
function mayBeChecked(route: RouteOptions, scope: FastifyInstance): boolean {
  const own = HOOKS.flatMap((name) => (route[name] ?? []) as unknown[])
  if (own.some((hook) => hook !== admittedMeetsAll && hook !== allIsMet)) return true
  const kHooks = Object.getOwnPropertySymbols(scope).find(
    ({ description }) => description === 'fastify.hooks',
  )
  if (kHooks === undefined) return true
  const hooks = (scope as unknown as Record<symbol, Record<string, unknown[] | undefined>>)[kHooks]
  return hooks === undefined || HOOKS.some((name) => (hooks[name] ?? []).length > 0)
}

type Hook = (
  this: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  done: (error?: Error) => void,
) => void

/** A request that was let in must meet all demands of the route. */
const admittedMeetsAll: Hook = function (request, _reply, done) {
  done(unmet(this, request, false))
}

/** The same at the last moment: a request that was not let in by then means that no check was called. */
const allIsMet: Hook = function (request, _reply, done) {
  done(unmet(this, request, true))
}

/** A check that let the request in has already checked the demands on its own kind. */
function unmet(scope: FastifyInstance, request: FastifyRequest, last: boolean): Error | undefined {
  const { config } = request.routeOptions
  const checkers = reached.get(scope)
  const met = (kind: Kind) => checkers?.get(kind)?.admitted(request) === true
  const open = demandsOf(config).filter((kind) => !met(kind))
  if (open.length === 0) return undefined
  const by = KINDS.find(met)
  if (by !== undefined) {
    if (config.eitherCredential === true) return undefined
    return checkers?.get(by)?.refuse(request)
  }
  if (!last) return undefined
  return new TenantAuthError(
    'TENANT_AUTH_NOT_AUTHENTICATED',
    `config.${open.join(' and config.')} of a route was not checked by any guard: with addHook: false, call the check in a hook, because the handler is too late`,
  )
}
