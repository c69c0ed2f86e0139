/** Decides, before the body is read, who is calling, for which tenant, and whether they may. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ConsoleUser } from '../console-auth/index.ts'
import { forbidden, type Reverification } from '../console-auth/refusals.ts'
import { systemClock } from '../lib/clock.ts'
import { AuthError } from '../http/errors.ts'
import { recordRefusal, type Refusal } from '../http/refusal.ts'
import { CLOSE, leavesBody } from '../http/unread-body.ts'
import { TimeLimitError, withTimeLimit } from '../lib/time-limit.ts'
import type { KeyRoutesSettings } from './options.ts'

export interface Caller {
  user: ConsoleUser
  /** From the session alone, never from the request. */
  tenantId: string
  canWrite: boolean
}

/** Milliseconds for `tenantOf` and `newTenant`, which may query a database. */
const TIME_LIMIT = 5_000

/**
 * Returns the caller, if they may do what the request wants.
 *
 * @throws `AUTH_FORBIDDEN`, or `AUTH_UNAVAILABLE` if `tenantOf` does not return in time
 */
export async function identify(
  request: FastifyRequest,
  reply: FastifyReply,
  settings: KeyRoutesSettings,
): Promise<Caller> {
  const user = await signedIn(request, reply)
  const tenantId = await askApp(request, () => settings.tenantOf(user))
  if (typeof tenantId !== 'string' || tenantId === '') throw refused(request, user, NO_ORGANIZATION)
  const writing = writes(user, settings)
  if (request.method === 'GET' || request.method === 'HEAD') {
    if (!permits(settings.canRead, user)) throw refused(request, user, NOT_ALLOWED)
  } else if (writing !== null) throw refused(request, user, writing)
  // A user who only has to reverify counts as one who may write: Clerk's front end asks them to reverify when they do.
  return { user, tenantId, canWrite: writing === null || writing.reason === 'reverification' }
}

/** With `addHook: false`, consoleAuth has not checked the session yet. These routes check it, so they are never open. */
async function signedIn(request: FastifyRequest, reply: FastifyReply): Promise<ConsoleUser> {
  try {
    return request.consoleUser
  } catch {
    await request.server.verifyConsoleSession(request, reply)
    return request.consoleUser
  }
}

/** @throws `AUTH_UNAVAILABLE` if the app's function does not return in time */
export async function askApp<Answer>(
  request: FastifyRequest,
  ask: () => Answer | Promise<Answer>,
): Promise<Answer> {
  return withTimeLimit(systemClock, TIME_LIMIT, async () => ask()).catch((cause: unknown) => {
    if (!(cause instanceof TimeLimitError)) throw cause
    throw refused(request, request.consoleUser, { ...LATER, cause })
  })
}

/** Why the user may not write, or `null` if they may. */
function writes(user: ConsoleUser, { canWrite, allowImpersonation }: KeyRoutesSettings): Forbidden | null {
  const answer: unknown = canWrite(user)
  const { reverification } = Object(answer) as { reverification?: Reverification }
  if (answer !== true && reverification === undefined) return NOT_ALLOWED
  if (user.actor !== null && !allowImpersonation) return IMPERSONATED
  if (reverification === undefined || user.has({ reverification })) return null
  return forbidden('reverification', reverification)
}

/** Only `true` counts: a promise returned by mistake is truthy, and must not grant access. */
function permits(may: (user: ConsoleUser) => boolean, user: ConsoleUser): boolean {
  const answer: unknown = may(user)
  return answer === true
}

type Forbidden = Refusal & { message?: string }

/** The same as if the user lacks a role that a route requires (RFC 6750, section 3.1). */
const TOO_LITTLE = {
  code: 'AUTH_FORBIDDEN',
  headers: { 'www-authenticate': 'Bearer realm="console", error="insufficient_scope"' },
} as const
const NOT_ALLOWED: Forbidden = { ...TOO_LITTLE, reason: 'not_allowed' }
const NO_ORGANIZATION: Forbidden = {
  ...TOO_LITTLE,
  reason: 'no_organization',
  message: 'No organization is active in this session: choose one, and try again',
}
const IMPERSONATED: Forbidden = {
  ...TOO_LITTLE,
  reason: 'impersonated',
  message: 'Keys cannot be changed on behalf of the signed-in user: this session impersonates them',
}
const LATER: Forbidden = {
  code: 'AUTH_UNAVAILABLE',
  reason: 'unavailable',
  headers: { 'retry-after': '1' },
}

function refused(request: FastifyRequest, { userId, actor }: ConsoleUser, refusal: Forbidden): AuthError {
  recordRefusal('keyRoutes', request, {
    ...refusal,
    of: { userId, ...(actor !== null && { actorId: actor.sub }) },
  })
  const headers = { ...refusal.headers, ...(leavesBody(request, refusal.code) && CLOSE) }
  return new AuthError(refusal.code, { ...refusal, headers })
}
