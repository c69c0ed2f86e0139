/** What the plugin adds to Fastify's types, and its options. */
import type { KeyCacheStats } from '../cache/key-cache.ts'
import type { Tenant, TenantKey } from '../cache/verdict.ts'
import type { AnyReply, AnyRequest } from '../http/any-request.ts'
import type { ErrorResponseOption } from '../http/refusal.ts'
import type { KeyStore } from '../stores/key-store.ts'
import type { RefusalReason } from './refusals.ts'

/** The option `cache` of `tenantAuth`. Times are milliseconds. */
export interface TenantAuthCacheOptions {
  /** Good keys held in memory at most. Default: 10,000. */
  max?: number
  /**
   * Milliseconds after which a cached key is read anew, however often it is used.
   *
   * For a store without the coherence side this is the bound on how long a revoked key may live on. Default: 5,000; for
   * a coherent store, where nothing depends on it, 600,000.
   */
  ttl?: number
  /** Milliseconds for which an unknown or revoked key is refused without asking the store. Default: 5,000. */
  negativeTtl?: number
  /**
   * Milliseconds for which cached keys are served beyond the lease while the store does not answer. Revocations then
   * wait that much longer for an instance that is cut off. Default: 0, answer 503.
   */
  staleIfError?: number
}

/** The options of `tenantAuth`. Times are milliseconds. */
export interface TenantAuthOptions {
  /** Where the keys are. */
  keyStore: KeyStore
  /** Name of the request header that carries the key. Default: `x-tenant-api-key`. */
  header?: string
  /**
   * - `checksum`: keys in this package's form, of any prefix and environment. Anything else is refused without a hash
   *   and without asking the store. The default.
   * - `any`: up to 512 visible ASCII characters without a comma, for a store of keys in another form.
   */
  keyFormat?: 'checksum' | 'any'
  /** `false`: every request asks the store. */
  cache?: false | TenantAuthCacheOptions
  /** Milliseconds for a look-up in the store, then 503. Must be under the lease of a coherent store. Default: 1,000. */
  lookupTimeout?: number
  /**
   * Look-ups at once, a quarter of which is for keys that were good a moment ago; more wait for their turn. No more than
   * the pool of your store has connections to spare. Default: 64.
   */
  maxConcurrentLookups?: number
  /** Note when keys are used, once a minute for each, in stores that can. Default: `true`. */
  trackLastUsed?: boolean
  /**
   * `false`: no route is guarded! The plugin then only offers `app.verifyTenantKey`, for routes of your choice.
   * Default: `true`.
   */
  addHook?: boolean
  /**
   * Names of the request's properties, for an app that has a `tenant` of its own. Say them to TypeScript as well, in
   * `TenantAuthDecorators`. Default: `{ tenant: 'tenant', tenantKey: 'tenantKey' }`.
   */
  decorators?: { tenant?: string; tenantKey?: string }
  /** What to answer instead of the envelope, or `'throw'` to hand an `AuthError` to the app's error handler. */
  errorResponse?: ErrorResponseOption
}

/** What `app.tenantAuth.stats()` returns: counters since start, and the state of the cache. */
export interface TenantAuthStats extends KeyCacheStats {
  accepted: number
  refused: Record<RefusalReason, number>
}

/** `app.tenantAuth` */
export interface TenantAuthState {
  /** Counters since start, and the state of the cache. */
  stats(): TenantAuthStats
  /**
   * For a readiness probe: whether this instance has joined the fleet, or without a fleet, whether its store has answered
   * once; `false` again when the app begins to close. An outage later does not change it, because no other instance could
   * do better: `stats().degraded` tells of that.
   */
  isReady(): boolean
}

/** Route `config.tenantAuth`. */
export interface TenantAuthRouteConfig {
  /** The key must have all of them, or the answer is 403. */
  scopes: readonly string[]
}

/**
 * Other names of `request.tenant` and `request.tenantKey`, as the option `decorators` has them:
 * `declare module 'fastify-tenant-auth' { interface TenantAuthDecorators { tenant: 'apiTenant' } }`
 */
export interface TenantAuthDecorators {}
type NameOf<Name extends string> =
  TenantAuthDecorators extends Record<Name, infer Other extends string> ? Other : Name

/**
 * `request.tenant`, of the key, and `request.tenantKey`, the key that was used. Both throw
 * `TENANT_AUTH_NOT_AUTHENTICATED` where `tenantAuth` has not let the request in.
 */
type TenantAuthRequest = {
  readonly [Name in NameOf<'tenant'>]: Tenant
} & {
  readonly [Name in NameOf<'tenantKey'>]: TenantKey
}

declare module 'fastify' {
  interface FastifyRequest extends TenantAuthRequest {}
  interface FastifyInstance {
    tenantAuth: TenantAuthState
    /**
     * The check as a function, for `addHook: false` and for `@fastify/auth`.
     *
     * @throws AuthError
     */
    verifyTenantKey(this: void, request: AnyRequest, reply: AnyReply): Promise<void>
  }
  interface FastifyContextConfig {
    tenantAuth?: TenantAuthRouteConfig
  }
}
