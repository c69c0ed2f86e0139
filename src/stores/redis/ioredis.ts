/** Makes the store's connections from a client of ioredis 5 or 6. */
import { badOption } from '../../http/errors.ts'
import type { OwnConnection, RedisSource } from './connection.ts'

/** The part of an ioredis client that the store uses. */
export interface IoredisClient {
  readonly status: string
  readonly options: {
    enableOfflineQueue?: boolean | undefined
    maxRetriesPerRequest?: number | null | undefined
    keyPrefix?: string | undefined
  }
  call(command: string, ...args: string[]): Promise<unknown>
  duplicate(override?: typeof OWN): IoredisClient
  connect(): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  on(event: 'error' | 'end', listener: (cause?: unknown) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  disconnect(): void
  readonly stream: { readonly writable: boolean; ref(): unknown; unref(): unknown }
}

/** Neither waits nor retries: a lost connection stays lost, and the store opens another. */
const OWN = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  /** Milliseconds for a polite end, which a hung peer would use up. */
  disconnectTimeout: 0,
}

export function fromIoredis(client: IoredisClient): RedisSource {
  const { enableOfflineQueue, maxRetriesPerRequest, keyPrefix } = client.options
  // Both keep commands until the server is back: those not sent yet, and those sent and not answered. By then the
  // request has ended, and a write that was reported as failed takes effect after all, or a second time.
  if (enableOfflineQueue !== false || maxRetriesPerRequest !== 0) {
    throw badOption(
      'client',
      'made with { enableOfflineQueue: false, maxRetriesPerRequest: 0 }, so that commands fail at once while the server is away',
    )
  }
  if (keyPrefix) throw badOption('client', 'made without keyPrefix: use the prefix option of the store')
  const listeners = new Set<() => void>()
  client.on('end', () => {
    for (const listener of listeners) listener()
  })
  return {
    isOpen: () => client.status !== 'end',
    onEnd: (listener) => void listeners.add(listener),
    open: (onLost) => open(client, onLost),
  }
}

function open(template: IoredisClient, onLost: (cause: unknown) => void): OwnConnection {
  const client = template.duplicate(OWN)
  let cause: unknown
  client.on('error', (error) => {
    cause = error
  })
  client.on('end', () => onLost(cause ?? new Error('The connection to Redis has ended')))
  return {
    send: ([command = '', ...args]) =>
      client.call(command, ...args).catch((error: unknown) => {
        // The stream closes before the client says so.
        if (!client.stream.writable) onLost(error)
        throw error
      }),
    connect: () => client.connect(),
    subscribe(channel, onMessage) {
      client.on('message', (_channel, message) => onMessage(message))
      return client.subscribe(channel)
    },
    holdProcess: (holds) => void (holds ? client.stream.ref() : client.stream.unref()),
    destroy: () => client.disconnect(),
  }
}
