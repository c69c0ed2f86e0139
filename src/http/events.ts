/**
 * Publishes an event for each request that is let in or refused, never with a credential.
 *
 * If a subscriber throws, Node raises an uncaught exception, as on each of its channels. The request is answered as usual.
 */
import { channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import { withoutCredentials } from '../keys/key-text.ts'
import { requestIdOf } from './request-id.ts'

/** What `fastify-tenant-auth:accepted` and `fastify-tenant-auth:refused` publish. */
export interface AuthEvent {
  plugin: 'tenantAuth' | 'consoleAuth' | 'keyRoutes'
  requestId: string
  /** Why a request was refused: the same stable word as in the log. */
  reason?: string
  keyId?: string
  tenantId?: string
  userId?: string
  /** The user who impersonates `userId`. */
  actorId?: string
}

/** Whose credential it is. */
export type Whose = Pick<AuthEvent, 'keyId' | 'tenantId' | 'userId' | 'actorId'>

/** Check `hasSubscribers` before you build an event. */
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

/** A client may have chosen the id (`requestIdHeader`) and put its key there. */
function idOf(request: FastifyRequest): string {
  return withoutCredentials(requestIdOf(request))
}
