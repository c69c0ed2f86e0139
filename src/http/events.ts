/**
 * What both plugins tell of each request that they let in or refuse. Never a credential.
 *
 * A subscriber that throws does so outside the request, which is answered as ever: Node makes an uncaught exception of it,
 * as on each of its channels.
 */
import { channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import { withoutCredentials } from '../keys/key-text.ts'
import { requestIdOf } from './request-id.ts'

/** What `fastify-tenant-auth:accepted` and `fastify-tenant-auth:refused` publish. */
export interface AuthEvent {
  plugin: 'tenantAuth' | 'consoleAuth' | 'keyRoutes'
  requestId: string
  /** Why, for a refusal: the stable word that the log has. */
  reason?: string
  keyId?: string
  tenantId?: string
  userId?: string
  /** The user who impersonates `userId`. */
  actorId?: string
}

/** Whose credential it is. */
export type Whose = Pick<AuthEvent, 'keyId' | 'tenantId' | 'userId' | 'actorId'>

/** Ask `hasSubscribers` before building an event. */
export const acceptedChannel = channel('fastify-tenant-auth:accepted')
const refusedChannel = channel('fastify-tenant-auth:refused')

export function publishAccepted(plugin: AuthEvent['plugin'], request: FastifyRequest, whose: Whose): void {
  acceptedChannel.publish({ plugin, requestId: idOf(request), ...whose } satisfies AuthEvent)
}

export function publishRefused(
  plugin: AuthEvent['plugin'],
  request: FastifyRequest,
  refusal: Whose & { reason: string },
): void {
  if (!refusedChannel.hasSubscribers) return
  refusedChannel.publish({ plugin, requestId: idOf(request), ...refusal } satisfies AuthEvent)
}

/** A client may have chosen it (`requestIdHeader`), and put its key there. */
function idOf(request: FastifyRequest): string {
  return withoutCredentials(requestIdOf(request))
}
