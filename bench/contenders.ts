/** The contenders: each has a name for the tables, and a function in `contenders/` that sets up its server. */

export type Server = 'postgres' | 'redis'

export interface Contender {
  name: string
  /** File and export in `contenders/`. */
  from: readonly [file: string, name: string]
  settings?: Readonly<Record<string, unknown>>
  /** The server that it needs. */
  needs?: Server
  /** Another checkout, whose build is measured. */
  checkout?: string
}

export const BARE = 'bare Fastify'
export const BY_HAND = 'by hand: sha256 + lru-cache'
export const BY_HAND_BESIDE_POSTGRES = 'by hand, beside a pool of PostgreSQL'
export const SESSION_BY_HAND = 'session by hand: sha256 + lru-cache'
export const CACHED = 'tenantAuth, cached key'
export const KEPT = `${CACHED}, each connection its own`
export const KEPT_BY_HAND = `${BY_HAND}, each connection its own`
export const PRIVATE = `${CACHED}, private answer`
export const BARE_PRIVATE = `${BARE}, private answer`
export const KEPT_PRIVATE = `${KEPT}, private answer`
export const PRIVATE_BY_HAND = `${BY_HAND}, private answer`
export const COHERENT = 'tenantAuth, cached key, coherent over PostgreSQL'
export const GARBAGE = 'tenantAuth refuses garbage'
export const UNKNOWN = 'tenantAuth refuses an unknown key'
export const BEARER_REFUSED = '@fastify/bearer-auth refuses (1 key)'
export const SESSION = 'consoleAuth, cached token'
export const SESSION_KEPT = `${SESSION}, each connection its own`
export const CLERK = '@clerk/fastify'
export const REFUSED_BY_HAND = 'by hand, refuses'
export const MILLION = 1_000_000
/** With this many keys in memory. */
export const manyKeys = (count: number) => `tenantAuth, ${count.toLocaleString('en')} keys cached`
export const manyKeysByHand = (count: number) => `by hand, ${count.toLocaleString('en')} keys cached`

const tenantAuth: Contender[] = [
  { name: CACHED, from: ['tenant-auth', 'cachedKey'] },
  { name: KEPT, from: ['tenant-auth', 'cachedKey'], settings: { kept: true } },
  { name: PRIVATE, from: ['tenant-auth', 'cachedKey'], settings: { isPrivate: true } },
  { name: KEPT_PRIVATE, from: ['tenant-auth', 'cachedKey'], settings: { kept: true, isPrivate: true } },
  { name: COHERENT, from: ['stores', 'postgresCached'], needs: 'postgres' },
  { name: 'tenantAuth, cached key, coherent over Redis', from: ['stores', 'redisCached'], needs: 'redis' },
  { name: GARBAGE, from: ['tenant-auth', 'garbage'] },
  { name: UNKNOWN, from: ['tenant-auth', 'unknown'] },
  { name: 'tenantAuth refuses a revoked key', from: ['tenant-auth', 'revoked'] },
]

const otherKeys: Contender[] = [
  ...[1, 100, 10_000].map((keys) => ({
    name: `@fastify/bearer-auth, ${keys.toLocaleString('en')} key${keys === 1 ? '' : 's'}`,
    from: ['bearer-auth', 'accepted'] as const,
    settings: { keys },
  })),
  { name: BEARER_REFUSED, from: ['bearer-auth', 'refused'], settings: { keys: 1 } },
  { name: BY_HAND_BESIDE_POSTGRES, from: ['stores', 'byHandBesidePostgres'], needs: 'postgres' },
  { name: REFUSED_BY_HAND, from: ['by-hand', 'refusal'] },
  { name: 'better-auth, api-key plugin', from: ['better-auth', 'apiKeys'] },
]

const sessions: Contender[] = [
  { name: SESSION, from: ['sessions', 'consoleAuthCached'] },
  { name: SESSION_KEPT, from: ['sessions', 'consoleAuthCached'], settings: { kept: true } },
  { name: SESSION_BY_HAND, from: ['sessions', 'byHandCached'] },
  { name: '@fastify/jwt, cached', from: ['jwt', 'cached'] },
  { name: "Clerk's verifyToken alone", from: ['sessions', 'verifyTokenOnly'] },
  { name: CLERK, from: ['sessions', 'clerkFastify'] },
]

/** One key, one token, one refusal at a time. */
export const contenders: readonly Contender[] = [
  { name: BARE, from: ['by-hand', 'bare'] },
  { name: BARE_PRIVATE, from: ['by-hand', 'bare'], settings: { isPrivate: true } },
  { name: 'a hook that only decorates', from: ['by-hand', 'decorate'] },
  { name: BY_HAND, from: ['by-hand', 'cachedKey'] },
  { name: KEPT_BY_HAND, from: ['by-hand', 'cachedKey'], settings: { kept: true } },
  { name: PRIVATE_BY_HAND, from: ['by-hand', 'cachedKey'], settings: { isPrivate: true } },
  ...tenantAuth,
  ...otherKeys,
  ...sessions,
]

/** What only a server under load can show. */
export const loads: readonly Contender[] = [
  { name: BARE, from: ['by-hand', 'bare'] },
  ...[10, 1_000, 100_000, MILLION].map((keys) => ({
    name: manyKeys(keys),
    from: ['tenant-auth', 'manyKeys'] as const,
    settings: { keys },
  })),
  ...[10, MILLION].map((keys) => ({
    name: manyKeysByHand(keys),
    from: ['by-hand', 'manyKeys'] as const,
    settings: { keys },
  })),
]

/**
 * `cold`: the cache holds one of 2,000 keys. `warm`: it holds all of the store's 1,000 keys. `byHand`: as `cold`, with a
 * hook by hand.
 */
export const cold: Record<Server, { cold: Contender; warm: Contender; byHand?: Contender }> = {
  postgres: {
    byHand: {
      name: 'PostgreSQL, each key cold, by hand',
      from: ['stores', 'byHandCold'],
      needs: 'postgres',
    },
    cold: { name: 'PostgreSQL, each key cold', from: ['stores', 'postgresCold'], needs: 'postgres' },
    warm: { name: 'PostgreSQL, keys in memory', from: ['stores', 'postgresCached'], needs: 'postgres' },
  },
  redis: {
    cold: { name: 'Redis, each key cold', from: ['stores', 'redisCold'], needs: 'redis' },
    warm: { name: 'Redis, keys in memory', from: ['stores', 'redisCached'], needs: 'redis' },
  },
}

export function contender(name: string): Contender {
  const found = [...contenders, ...loads].find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`there is no contender ${name}`)
  return found
}
