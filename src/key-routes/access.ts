/** Who is calling, for which tenant, and whether they may: decided before the body is read. */
import type { FastifyRequest } from 'fastify'
import type { ConsoleUser } from '../console-auth/index.ts'
import { systemClock } from '../lib/clock.ts'
import { AuthError } from '../http/errors.ts'
import { recordRefusal, type Refusal } from '../http/refusal.ts'
import { TimeLimitError, withTimeLimit } from '../lib/time-limit.ts'
import type { KeyRoutesSettings } from './options.ts'

export interface Caller {
  user: ConsoleUser
  /** From the session alone, never from the request. */
  tenantId: string
  canWrite: boolean
}

/** Milliseconds for `tenantOf`, which may well ask a database. */
const TIME_LIMIT = 5_000

/** @throws `AUTH_FORBIDDEN`, or `AUTH_UNAVAILABLE` where `tenantOf` does not answer in time */
export async function identify(request: FastifyRequest, settings: KeyRoutesSettings): Promise<Caller> {
  const user = request.consoleUser
  const tenantId = await withTimeLimit(systemClock, TIME_LIMIT, async () => settings.tenantOf(user)).catch(
    (cause: unknown) => {
      if (!(cause instanceof TimeLimitError)) throw cause
      throw refused(request, { code: 'AUTH_UNAVAILABLE', reason: 'unavailable', headers: LATER, cause })
    },
  )
  if (typeof tenantId !== 'string' || tenantId === '') throw forbidden(request, 'no_organization')
  return { user, tenantId, canWrite: permits(settings.canWrite, user) }
}

/** @throws `AUTH_FORBIDDEN` */
export function demand(
  request: FastifyRequest,
  caller: Caller,
  access: 'read' | 'write',
  settings: KeyRoutesSettings,
): void {
  const allowed = access === 'write' ? caller.canWrite : permits(settings.canRead, caller.user)
  if (!allowed) throw forbidden(request, 'not_allowed')
}

/** Exactly `true`: a promise given by mistake is truthy, and must not open the door. */
function permits(may: (user: ConsoleUser) => boolean, user: ConsoleUser): boolean {
  const answer: unknown = may(user)
  return answer === true
}

/** As for a role that a route demands (RFC 6750, section 3.1). */
const TOO_LITTLE = { 'www-authenticate': 'Bearer realm="console", error="insufficient_scope"' }
const LATER = { 'retry-after': '1' }

function forbidden(request: FastifyRequest, reason: string): AuthError {
  return refused(request, { code: 'AUTH_FORBIDDEN', reason, headers: TOO_LITTLE })
}

function refused(request: FastifyRequest, refusal: Refusal): AuthError {
  recordRefusal('keyRoutes', request, refusal)
  return new AuthError(refusal.code, refusal)
}
