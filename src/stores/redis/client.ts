/**
 * The clients that the store accepts: structural types, distinguished by their methods, so that neither library is
 * imported.
 *
 * The client of a cluster is not among them. Its scripts would have to name all keys beforehand, which "all keys of this
 * tenant" cannot, and a store whose keys share one slot gains nothing from the other nodes.
 */
import { badOption } from '../../http/errors.ts'
import type { RedisSource } from './connection.ts'
import { fromIoredis, type IoredisClient } from './ioredis.ts'
import { fromNodeRedis, type NodeRedisClient } from './node-redis.ts'

/** A client of node-redis 5 or 6 (`createClient`), or of ioredis 5 or 6 (`new Redis`). */
export type RedisClient = NodeRedisClient | IoredisClient

/** One source for each client, however many stores share it, so that the client is listened to once. */
const sources = new WeakMap<RedisClient, RedisSource>()

/** @throws `TENANT_AUTH_BAD_OPTION` if the store cannot work with the client, or the client queues commands */
export function sourceOf(client: RedisClient): RedisSource {
  const source = sources.get(client) ?? newSource(client)
  sources.set(client, source)
  return source
}

function newSource(client: RedisClient): RedisSource {
  // Users of plain JavaScript may pass anything.
  const given: unknown = client
  if (typeof given === 'object' && given !== null) {
    if (hasMethods(given, IOREDIS) && !('isCluster' in given && given.isCluster === true)) {
      return fromIoredis(given as IoredisClient)
    }
    // Clients of a node-redis cluster, pool or Sentinel lack one of these methods, or have no options.
    if (hasMethods(given, NODE_REDIS) && 'options' in given) return fromNodeRedis(given as NodeRedisClient)
  }
  throw badOption(
    'client',
    'a client of node-redis 5 or 6 (createClient) or of ioredis 5 or 6 (new Redis); ' +
      'those of a cluster, a pool or node-redis Sentinel cannot be used',
  )
}

const IOREDIS = ['call', 'duplicate', 'subscribe', 'disconnect']
const NODE_REDIS = ['sendCommand', 'duplicate', 'subscribe', 'destroy']

function hasMethods(client: object, names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(client, name) === 'function')
}
