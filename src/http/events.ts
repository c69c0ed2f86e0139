/** What both plugins tell of each request that they let in or refuse. Never a credential. */
import { type Channel, type ChannelListener, channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import { quietly } from '../lib/quietly.ts'
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
export const acceptedChannel = shielded(channel('fastify-tenant-auth:accepted'))
const refusedChannel = shielded(channel('fastify-tenant-auth:refused'))

export function publishAccepted(plugin: AuthEvent['plugin'], request: FastifyRequest, whose: Whose): void {
  acceptedChannel.publish({ plugin, requestId: requestIdOf(request), ...whose } satisfies AuthEvent)
}

export function publishRefused(
  plugin: AuthEvent['plugin'],
  request: FastifyRequest,
  refusal: Whose & { reason: string },
): void {
  if (!refusedChannel.hasSubscribers) return
  refusedChannel.publish({ plugin, requestId: requestIdOf(request), ...refusal } satisfies AuthEvent)
}

/**
 * A subscriber that throws ends the process: Node makes an uncaught exception of it. So subscribers are wrapped as they
 * come, and those that came before this module was loaded are subscribed anew.
 */
function shielded(channel: Channel): Channel {
  const wrappers = new WeakMap<ChannelListener, ChannelListener>()
  const wrapped = (listener: ChannelListener): ChannelListener => {
    // Left to Node, which refuses it.
    if (typeof listener !== 'function') return listener
    const wrapper: ChannelListener = (message, name) =>
      quietly(`A subscriber of ${String(name)}`, () => listener(message, name))
    if (!wrappers.has(listener)) wrappers.set(listener, wrapper).set(wrapper, wrapper)
    return wrappers.get(listener) as ChannelListener
  }
  // Looked up each time: a channel changes its prototype with its first subscriber and its last.
  const node = () => Object.getPrototypeOf(channel) as Channel
  const { _subscribers: earlier = [] } = channel as { _subscribers?: readonly ChannelListener[] }
  for (const listener of earlier) node().unsubscribe.call(channel, listener)
  Object.assign(channel, {
    subscribe: (listener: ChannelListener) => node().subscribe.call(channel, wrapped(listener)),
    unsubscribe: (listener: ChannelListener) => node().unsubscribe.call(channel, wrapped(listener)),
  })
  for (const listener of earlier) channel.subscribe(listener)
  return channel
}
