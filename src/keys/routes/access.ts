/** Who is calling, for which tenant, and whether they may: decided before the body is read. */
import type { FastifyRequest } from 'fastify'
import type { ConsoleUser } from '../../console-auth/index.ts'
import { AuthError } from '../../errors.ts'
import { recordRefusal } from '../../refusal.ts'
import type { KeyRoutesSettings } from './options.ts'

export interface Caller {
  user: ConsoleUser
  /** From the session alone, never from the request. */
  tenantId: string
  canWrite: boolean
}

/** @throws `AUTH_FORBIDDEN` */
export async function identify(request: FastifyRequest, settings: KeyRoutesSettings): Promise<Caller> {
  const user = request.consoleUser
  const tenantId = await settings.tenantOf(user)
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

function forbidden(request: FastifyRequest, reason: string): AuthError {
  const error = new AuthError('AUTH_FORBIDDEN', { reason })
  recordRefusal('consoleAuth', request, error)
  return error
}
