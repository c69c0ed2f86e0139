/** The plugin: guards the scope it is registered in with Clerk's session tokens. */
import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { announceChecker } from '../http/demands.ts'
import { AuthError, TenantAuthError } from '../http/errors.ts'
import { consoleSessionGuard, describeGuard } from '../http/openapi.ts'
import { acceptedChannel, publishAccepted } from '../http/events.ts'
import { recordRefusal, type Refusal, sendRefusal } from '../http/refusal.ts'
import { claimScope, declareEverywhere } from '../http/scope.ts'
import { readBearer } from './bearer.ts'
import { ClerkUsers } from './clerk-users.ts'
import type { ConsoleUser } from './console-user.ts'
import { type ConsoleAuthOptions, checkOptions } from './options.ts'
import { type ConsoleRefusalReason, FORBIDDEN, zeroCounts } from './refusals.ts'
import { checkRouteConfig, guard } from './route-guard.ts'
import { SessionCache } from './session-cache.ts'
import { type Session, verifySession } from './session-token.ts'
import { verificationKeys } from './verification-keys.ts'

const kUser = Symbol('fastify-tenant-auth.consoleUser')
interface Authenticated {
  /** Undefined in scopes that the plugin does not reach, and in those that were there before it. */
  [kUser]?: ConsoleUser | null
}

async function plugin(app: FastifyInstance, given: ConsoleAuthOptions): Promise<void> {
  const options = checkOptions(given)
  claimScope(app, 'consoleAuth')
  app.decorateRequest(kUser, null)
  declareEverywhere(app, 'consoleUser', readConsoleUser)

  const users = new ClerkUsers({ ...options.users, apiUrl: options.apiUrl, secretKey: options.secretKey })
  const keys = verificationKeys(options, {
    onWithdrawal: () => sessions.clear(),
    onFailure: (err) => app.log.warn({ err }, "Clerk's key set cannot be had"),
  })
  const verification = {
    rules: options.rules,
    findKey: keys.find,
    fetchUser: (id: string) => users.get(id),
  }
  const sessions = new SessionCache(options.cacheMax, (token) => verifySession(token, verification))
  const refused = zeroCounts()
  let accepted = 0
  let hits = 0
  let misses = 0

  app.decorate('consoleAuth', {
    stats: () => ({ accepted, hits, misses, refused: { ...refused }, cached: sessions.size }),
  })
  app.decorate('verifyConsoleSession', async (request: FastifyRequest) => {
    const outcome = check(request)
    const refusal = admit(request, outcome instanceof Promise ? await outcome : outcome)
    if (refusal === undefined) return
    record(request, refusal)
    throw new AuthError(refusal.code, refusal)
  })

  const admittedUser = (request: FastifyRequest & Authenticated) => request[kUser] ?? undefined
  announceChecker(app, 'consoleAuth', {
    hook: options.addHook,
    admitted: (request) => admittedUser(request) !== undefined,
    refuse: (request) => {
      const refusal = { ...FORBIDDEN.other_credential, of: whoIs(admittedUser(request) as ConsoleUser) }
      record(request, refusal)
      return new AuthError(refusal.code, refusal)
    },
  })
  app.addHook('onRoute', ({ config, url }) => checkRouteConfig(config?.consoleAuth, url))
  // Before `onClose`, which comes when all requests have ended: they may be waiting for these very fetches.
  app.addHook('preClose', async () => {
    keys.close()
    users.close()
  })

  if (!options.addHook) return
  await describeGuard(app, consoleSessionGuard(options.errorResponse === undefined))
  // Synchronous as long as the token is remembered: no promise, no closure.
  app.addHook('onRequest', (request, reply, done) => {
    const outcome = check(request)
    if (outcome instanceof Promise) outcome.then((late) => settle(late, request, reply, done), done)
    else settle(outcome, request, reply, done)
  })

  /** The session of the token in the header, or why there is none. */
  function check(request: FastifyRequest): Session | Refusal | Promise<Session | Refusal> {
    const token = readBearer(request)
    if (typeof token !== 'string') return token
    const digest = hash('sha256', token, 'binary')
    const session = sessions.get(digest)
    if (session === undefined) {
      misses++
      return sessions.verify(token, digest)
    }
    hits++
    return session
  }

  /** Lets the user in, unless the route demands more. */
  function admit(request: FastifyRequest, outcome: Session | Refusal): Refusal | undefined {
    if (!('user' in outcome)) return outcome
    const { user } = outcome
    // Read here and not gathered in `onRoute`, which does not see routes declared before the plugin was registered.
    const demand = request.routeOptions.config.consoleAuth
    const refusal = demand === undefined ? undefined : guard(user, demand)
    if (refusal !== undefined) return { ...refusal, of: whoIs(user) }
    const authenticated = request as FastifyRequest & Authenticated
    authenticated[kUser] = user
    accepted++
    if (acceptedChannel.hasSubscribers) publishAccepted('consoleAuth', request, whoIs(user))
    return undefined
  }

  function settle(
    outcome: Session | Refusal,
    request: FastifyRequest,
    reply: FastifyReply,
    done: Done,
  ): void {
    let refusal
    try {
      refusal = admit(request, outcome)
      if (refusal !== undefined) record(request, refusal)
    } catch (thrown) {
      // By the app's logger. Behind a promise nobody else would catch it, and `done` without an error would let it in.
      done(
        thrown instanceof Error ? thrown : new Error('the logger threw what is no Error', { cause: thrown }),
      )
      return
    }
    if (refusal === undefined) done()
    else sendRefusal(request, reply, refusal, options.errorResponse, done)
  }

  function record(request: FastifyRequest, refusal: Refusal): void {
    refused[refusal.reason as ConsoleRefusalReason]++
    recordRefusal('consoleAuth', request, refusal)
  }
}

/** For log and events: the user, and who impersonates them. */
function whoIs({ userId, actor }: ConsoleUser): { userId: string; actorId?: string } {
  return actor === null ? { userId } : { userId, actorId: actor.sub }
}

type Done = (error?: Error) => void

function readConsoleUser(this: FastifyRequest): ConsoleUser {
  const user = (this as FastifyRequest & Authenticated)[kUser]
  if (user !== null && user !== undefined) return user
  throw new TenantAuthError(
    'TENANT_AUTH_NOT_AUTHENTICATED',
    'request.consoleUser was read where consoleAuth has not let the request in: the hook is off (addHook: false), has not run yet, or guards another scope',
  )
}

/**
 * Guards every route of the scope it is registered in, and of the scopes below: requests without a good Clerk session
 * token in `Authorization: Bearer` are refused before their body is read. The others find `request.consoleUser`.
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
