/** The clients that the tests run with: both libraries, both majors, connected, each as a user would make it. */
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { createClient } from 'redis'
import { createClient as createClient5 } from 'redis-5'
import type { RedisClient } from '../../../src/stores/redis/client.ts'

export interface ConnectedClient {
  client: RedisClient
  close: () => void
}

export const CLIENTS: Record<string, (url: string) => Promise<ConnectedClient>> = {
  'node-redis 6': async (url) => nodeRedis(createClient({ url, disableOfflineQueue: true })),
  'node-redis 5': async (url) => nodeRedis(createClient5({ url, disableOfflineQueue: true })),
  'ioredis 6': async (url) => ioredis(new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })),
  'ioredis 5': async (url) =>
    ioredis(new Redis5(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })),
}

async function nodeRedis(
  client: ReturnType<typeof createClient> | ReturnType<typeof createClient5>,
): Promise<ConnectedClient> {
  client.on('error', () => {})
  await client.connect()
  return { client, close: () => client.destroy() }
}

async function ioredis(client: Redis | Redis5): Promise<ConnectedClient> {
  client.on('error', () => {})
  await once(client, 'ready')
  return { client, close: () => client.disconnect() }
}
