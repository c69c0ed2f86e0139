/** `consoleAuth`: the plugin that guards its scope with Clerk's session tokens. */
import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { AnyReply, AnyRequest } from '../http/any-request.ts'
import { announceChecker } from '../http/demands.ts'
import { TenantAuthError } from '../http/errors.ts'
import { acceptedChannel, publishAccepted } from '../http/events.ts'
import { Guard, type Outcome } from '../http/guard.ts'
import { consoleSessionGuard, describeGuard } from '../http/openapi.ts'
import type { Refusal } from '../http/refusal.ts'
import { varyBy } from '../http/vary.ts'
import { claimScope, declareEverywhere } from '../http/scope.ts'
import { readBearer } from './bearer.ts'
import { askClerk } from './clerk/index.ts'
import type { ConsoleUser } from './console-user.ts'
import { type ConsoleAuthOptions, checkOptions } from './options.ts'
import { ALL_REASONS, type ConsoleRefusalReason, OTHER_CREDENTIAL } from './refusals.ts'
import { checkRouteConfig, type ConsoleAuthRouteConfig, unmetDemand } from './route-demands.ts'
import { SessionCache } from './session-cache.ts'
import { type Session, verifySession } from './session-token.ts'

/** Counters since start. */
export interface ConsoleAuthStats {
  accepted: number
  /** `hits`: tokens that were remembered, good or bad. `misses`: tokens that had to be verified. */
  hits: number
  misses: number
  /** By reason. `unavailable` counts the 503 responses. */
  refused: Record<ConsoleRefusalReason, number>
  /** Good tokens remembered now. */
  cached: number
}

/** `app.consoleAuth` */
export interface ConsoleAuthState {
  /** Counters since start, and what is in memory. */
  stats(): ConsoleAuthStats
  /**
   * Whether tokens can be verified now, for a readiness check. With a `jwtKey`, always; without one, once Clerk's key set
   * has been fetched and for as long as it may be used.
   */
  isReady(): boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in user. Throws `TENANT_AUTH_NOT_AUTHENTICATED` if `consoleAuth` has not let the request in. */
    readonly consoleUser: ConsoleUser
  }
  interface FastifyInstance {
    consoleAuth: ConsoleAuthState
    /**
     * The same check as a function, for `addHook: false` and for `@fastify/auth`.
     *
     * @throws AuthError
     */
    verifyConsoleSession(this: void, request: AnyRequest, reply: AnyReply): Promise<void>
  }
  interface FastifyContextConfig {
    consoleAuth?: ConsoleAuthRouteConfig
  }
}

const kUser = Symbol('fastify-tenant-auth.consoleUser')
interface Authenticated {
  /** Undefined in scopes that the plugin does not reach, including those that were created before it. */
  [kUser]?: ConsoleUser | null
}

async function plugin(app: FastifyInstance, given: ConsoleAuthOptions): Promise<void> {
  const options = checkOptions(given)
  claimScope(app, 'consoleAuth')
  app.decorateRequest(kUser, null)
  declareEverywhere(app, 'consoleUser', readConsoleUser, 'consoleAuth needs another name for your decorator')

  const { maxTokenLength, cache, rules } = options
  const clerk = askClerk(app, options, () => sessions.clear())
  const verification = {
    rules,
    keys: { fixed: options.jwtKey ?? [], remote: clerk.keys },
    fetchUser: (id: string) => clerk.users.get(id),
  }
  const sessions = new SessionCache(cache === false ? 0 : cache.max, (token) =>
    verifySession(token, verification),
  )
  const isReady = () => options.jwtKey !== undefined || clerk.keys?.isReady() === true
  let hits = 0
  let misses = 0
  const guard = new Guard({
    plugin: 'consoleAuth',
    check,
    reasons: ALL_REASONS,
    errorResponse: options.errorResponse,
  })

  app.decorate('consoleAuth', {
    stats: () => ({
      accepted: guard.accepted,
      hits,
      misses,
      refused: { ...guard.refused },
      cached: sessions.size,
    }),
    isReady,
  })
  app.decorate('verifyConsoleSession', (request) => guard.verify(request as FastifyRequest))
  announceChecker(app, 'consoleAuth', {
    hook: options.addHook,
    admitted,
    refuse: (request) =>
      guard.refuse(request, { ...OTHER_CREDENTIAL, of: whoIs(readConsoleUser.call(request)) }),
  })
  app.addHook('onRoute', ({ config, url }) => checkRouteConfig(config?.consoleAuth, url))
  // Without a `jwtKey`, fetch the key set now: the first token need not wait for it, and a bad secret key shows at once.
  app.addHook('onReady', async () => void isReady())
  // `onClose` is too late: it runs when all requests have ended, and they may be waiting for these fetches.
  app.addHook('preClose', async () => {
    clerk.keys?.close()
    clerk.users.close()
  })

  app.addHook('onSend', varyBy('authorization', admitted))

  if (!options.addHook) return
  await describeGuard(app, consoleSessionGuard(options.errorResponse === undefined))
  app.addHook('onRequest', guard.hook)

  /** Synchronous if the token is remembered. */
  function check(request: FastifyRequest): Outcome | Promise<Outcome> {
    const token = readBearer(request, maxTokenLength)
    if (typeof token !== 'string') return token
    const digest = hash('sha256', token, 'binary')
    const known = sessions.get(digest)
    if (known !== undefined) {
      hits++
      return admit(request, known)
    }
    misses++
    return sessions.verify(token, digest).then((outcome) => admit(request, outcome))
  }
}

/** Lets the user in, unless the route requires more. */
function admit(request: FastifyRequest, outcome: Session | Refusal): Outcome {
  if (!('user' in outcome)) return outcome
  const { user } = outcome
  // Read here and not in `onRoute`, which misses routes declared before the plugin was registered.
  const demand = request.routeOptions.config.consoleAuth
  const refusal = demand === undefined ? undefined : unmetDemand(user, demand)
  if (refusal !== undefined) return { ...refusal, of: whoIs(user) }
  const authenticated = request as FastifyRequest & Authenticated
  authenticated[kUser] = user
  if (acceptedChannel.hasSubscribers) publishAccepted('consoleAuth', request, whoIs(user))
  return null
}

/** For logs and events: the user, and who impersonates them. */
function whoIs({ userId, actor }: ConsoleUser): { userId: string; actorId?: string } {
  return actor === null ? { userId } : { userId, actorId: actor.sub }
}

function admitted(request: FastifyRequest): boolean {
  return userOf(request) !== undefined
}

function userOf(request: FastifyRequest & Authenticated): ConsoleUser | undefined {
  return request[kUser] ?? undefined
}

/**
 * Returns the signed-in user of a request, or `null` if `consoleAuth` has not let it in. For hooks, serializers and log
 * lines in any scope, because `request.consoleUser` would throw there.
 */
export function getConsoleUser(request: AnyRequest | undefined): ConsoleUser | null {
  return request === undefined ? null : (userOf(request as FastifyRequest) ?? null)
}

function readConsoleUser(this: FastifyRequest): ConsoleUser {
  const user = userOf(this)
  if (user !== undefined) return user
  throw new TenantAuthError(
    'TENANT_AUTH_NOT_AUTHENTICATED',
    'request.consoleUser was read in a request that consoleAuth did not let in: its hook is off (addHook: false), has not run yet, or guards another scope. In hooks, serializers and log lines, use getConsoleUser(request), which returns null there',
  )
}

/**
 * Guards every route of the scope you register it in, and of the scopes below. It refuses requests without a good Clerk
 * session token in `Authorization: Bearer` before their body is read. The others have `request.consoleUser`.
 *
 * ```ts
 * await app.register(async (dashboard) => {
 *   await dashboard.register(consoleAuth, { jwtKey, authorizedParties: ['https://dashboard.example.com'] })
 *   dashboard.get('/me', async (request) => ({ id: request.consoleUser.userId }))
 * }, { prefix: '/console' })
 * ```
 *
 * @throws `TENANT_AUTH_BAD_OPTION`, `TENANT_AUTH_ALREADY_REGISTERED` at registration
 */
export const consoleAuth = fp(plugin, { name: 'fastify-tenant-auth/console-auth', fastify: '5.x' })
