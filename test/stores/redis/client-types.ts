/** Checked by the compiler alone: which clients the store's type takes. */
import { Cluster, Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { createClient, createCluster, createSentinel } from 'redis'
import { createClient as createClient5 } from 'redis-5'
import type { RedisClient } from '../../../src/stores/redis/client.ts'

export const taken: (() => RedisClient)[] = [
  () => createClient(),
  () => createClient5(),
  () => new Redis(),
  () => new Redis5(),
]

export const refused: (() => RedisClient)[] = [
  // @ts-expect-error a cluster
  () => createCluster({ rootNodes: [] }),
  // @ts-expect-error Sentinel, whose sendCommand takes another first parameter
  () => createSentinel({ name: 'main', sentinelRootNodes: [] }),
  // @ts-expect-error a pool
  () => createClient().createPool(),
  // @ts-expect-error a cluster
  () => new Cluster([]),
]
