/** Makes sure that a plugin guards each scope only once, and that its request properties exist in every scope. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TenantAuthError } from './errors.ts'
import { inviteBodiesLate } from './unread-body.ts'

/** By the plugin's name: the scopes around those that it guards. */
const around = new Map<string, WeakSet<FastifyInstance>>()

/**
 * Claims the scope for the plugin. A scope gets the hooks of the scopes around it in whichever order they are registered,
 * so a second registration around or below would check each request twice.
 *
 * @throws `TENANT_AUTH_ALREADY_REGISTERED`
 */
export function claimScope(app: FastifyInstance, plugin: string): void {
  const guardedBelow = around.get(plugin) ?? new WeakSet()
  around.set(plugin, guardedBelow)
  if (app.hasDecorator(plugin) || guardedBelow.has(app)) {
    throw new TenantAuthError(
      'TENANT_AUTH_ALREADY_REGISTERED',
      `${plugin} is registered in this scope already, or in one around or below it: register it once, in the innermost scope that holds all the routes it guards`,
    )
  }
  inviteBodiesLate(app)
  for (let scope = scopeAround(app); scope !== undefined; scope = scopeAround(scope)) guardedBelow.add(scope)
}

/** By outermost scope: the names of the properties that this package adds to its requests. */
const declared = new WeakMap<FastifyInstance, Set<string>>()

/**
 * Adds a property to requests in every scope of the app, with a getter that may throw. The types say that the property is
 * there. If it were `undefined` in an open route beside the guarded ones, a query there would lack its tenant.
 *
 * @param remedy what must change if the name is taken, for the message
 * @throws `TENANT_AUTH_BAD_OPTION` if the app has a decorator of this name
 */
export function declareEverywhere(
  app: FastifyInstance,
  name: string,
  getter: (this: FastifyRequest) => unknown,
  remedy: string,
): void {
  const outermost = outermostOf(app)
  const ours = declared.get(outermost) ?? new Set()
  declared.set(outermost, ours)
  if (app.hasRequestDecorator(name) && !ours.has(name)) {
    throw new TenantAuthError(
      'TENANT_AUTH_BAD_OPTION',
      `${remedy}, because this app already decorates requests with "${name}"`,
    )
  }
  if (app !== outermost || !ours.has(name)) app.decorateRequest(name, { getter })
  if (!ours.has(name) && app !== outermost && !outermost.hasRequestDecorator(name)) {
    outermost.decorateRequest(name, {
      getter,
      // Another scope may decorate its own requests with this name, for something else.
      setter(this: FastifyRequest, value: unknown) {
        Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true })
      },
    })
  }
  ours.add(name)
}

export function outermostOf(app: FastifyInstance): FastifyInstance {
  const above = scopeAround(app)
  return above === undefined ? app : outermostOf(above)
}

/** Fastify creates a scope with the one around it as its prototype. */
function scopeAround(app: FastifyInstance): FastifyInstance | undefined {
  const above = Object.getPrototypeOf(app) as Partial<FastifyInstance>
  return above.decorateRequest === undefined ? undefined : (above as FastifyInstance)
}
