/** Makes the store's connections from a client of node-redis 5 or 6. */
import { badOption } from '../../http/errors.ts'
import type { OwnConnection, RedisSource } from './connection.ts'

/** The part of a node-redis client that the store uses. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly options?: { disableOfflineQueue?: boolean | undefined; socket?: object | undefined } | undefined
  sendCommand(args: readonly string[], options?: { typeMapping: Record<string, never> }): Promise<unknown>
  duplicate(overrides?: { disableOfflineQueue: boolean; socket: object }): NodeRedisClient
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  on(event: 'error' | 'connect' | 'end', listener: (cause: unknown) => void): unknown
  destroy(): void
  ref(): void
  unref(): void
}

/** Returns strings as strings, whatever the client maps them to by default. */
const AS_STRINGS = { typeMapping: {} }

export function fromNodeRedis(client: NodeRedisClient): RedisSource {
  // A queued command is sent when the server is back. By then the request has ended, and a write that was reported as
  // failed takes effect after all.
  if (client.options?.disableOfflineQueue !== true) {
    throw badOption(
      'client',
      'made with { disableOfflineQueue: true }, so that commands fail at once while the server is away',
    )
  }
  const listeners = new Set<() => void>()
  const ended = () => {
    for (const listener of listeners) listener()
  }
  client.on('end', ended)
  // A client that gives up reconnecting emits only `error`, and destroying it afterwards emits nothing.
  client.on('error', () => client.isOpen || ended())
  return {
    isOpen: () => client.isOpen,
    onEnd: (listener) => void listeners.add(listener),
    open: (onLost) => open(client, onLost),
  }
}

function open(template: NodeRedisClient, onLost: (cause: unknown) => void): OwnConnection {
  const socket = { ...template.options?.socket, reconnectStrategy: false }
  const client = template.duplicate({ disableOfflineQueue: true, socket })
  let reached = false
  let destroyed = false
  // If destroyed while it opens the socket, node-redis would forget the socket and leave it open.
  client.on('connect', () => {
    reached = true
    if (destroyed) destroyNow(client)
  })
  client.on('error', onLost)
  return {
    send: (args) => client.sendCommand(args, AS_STRINGS),
    async connect() {
      try {
        await client.connect()
      } catch (error) {
        destroyNow(client) // Version 6 keeps a client in its registry until it is destroyed.
        throw error
      }
    },
    subscribe: (channel, onMessage) => client.subscribe(channel, onMessage),
    holdProcess: (holds) => (holds ? client.ref() : client.unref()),
    destroy() {
      destroyed = true
      if (reached) destroyNow(client)
    },
  }
}

function destroyNow(client: NodeRedisClient): void {
  try {
    client.destroy()
  } catch {
    // Version 5 throws if there is nothing left to destroy.
  }
}
