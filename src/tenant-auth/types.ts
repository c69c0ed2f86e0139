/** What the plugin adds to Fastify's types, and its options. */
import type { KeyCacheStats } from '../cache/key-cache.ts'
import type { Tenant, TenantKey } from '../cache/verdict.ts'
import type { AnyReply, AnyRequest } from '../http/any-request.ts'
import type { ErrorResponseOption } from '../http/refusal.ts'
import type { KeyStore } from '../stores/key-store.ts'
import type { RefusalReason } from './refusals.ts'

/** The option `cache` of `tenantAuth`. Times are milliseconds. */
export interface TenantAuthCacheOptions {
  /** How many good keys to hold in memory. Default: 10,000. */
  max?: number
  /**
   * Milliseconds after which a cached key is read again, however often it is used.
   *
   * If the store is not coherent, this is the longest that a revoked key lives on. Default: 5,000. With a coherent
   * store, no revocation depends on it, and the default is 600,000.
   */
  ttl?: number
  /** Milliseconds for which an unknown or revoked key is refused without asking the store. Default: 5,000. */
  negativeTtl?: number
  /**
   * Milliseconds beyond the lease for which cached keys are served while the store does not answer. Revocations then
   * wait that much longer for an instance that is cut off. Default: 0, so the answer is a 503.
   */
  staleIfError?: number
}

/** The options of `tenantAuth`. Times are milliseconds. */
export interface TenantAuthOptions {
  /** Where your keys are. */
  keyStore: KeyStore
  /** Name of the request header that carries the key. Default: `x-tenant-api-key`. */
  header?: string
  /**
   * - `checksum`: keys in this package's form, with any prefix and environment. Anything else is refused without
   *   hashing it and without asking the store. The default.
   * - `any`: up to 512 visible ASCII characters without a comma, for a store of keys in another form.
   */
  keyFormat?: 'checksum' | 'any'
  /** `false`: every request asks the store. */
  cache?: false | TenantAuthCacheOptions
  /** Milliseconds for a look-up in the store, then 503. Must be under the lease of a coherent store. Default: 1,000. */
  lookupTimeout?: number
  /**
   * How many look-ups may run at once; further ones wait in line. A quarter of the places is reserved for keys that
   * were good a moment ago. The stores of this package put look-ups that arrive together into one statement; if your own
   * store takes a connection for each, set no more than its pool can spare. Default: 64.
   */
  maxConcurrentLookups?: number
  /** Record when keys are used, at most once a minute for each, in stores that can. Default: `true`. */
  trackLastUsed?: boolean
  /**
   * `false`: no route is guarded! You only get `app.verifyTenantKey`, to call in routes of your choice.
   * Default: `true`.
   */
  addHook?: boolean
  /**
   * Names of the request's properties, for an app that already has its own `tenant`. Declare them in
   * `TenantAuthDecorators`, too. Default: `{ tenant: 'tenant', tenantKey: 'tenantKey' }`.
   */
  decorators?: { tenant?: string; tenantKey?: string }
  /** The body to send instead of the envelope, or `'throw'` to pass an `AuthError` to your error handler. */
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
   * For a readiness probe: whether this instance has joined the fleet or, without a fleet, whether its store has
   * answered once. `false` again when the app begins to close. A later outage does not change it, because no other
   * instance could do better: `stats().degraded` reports that.
   */
  isReady(): boolean
}

/** Route `config.tenantAuth`. */
export interface TenantAuthRouteConfig {
  /** A key that lacks one of them gets a 403. */
  scopes: readonly string[]
}

/**
 * Other names for `request.tenant` and `request.tenantKey`, the same as in the option `decorators`:
 * `declare module 'fastify-tenant-auth' { interface TenantAuthDecorators { tenant: 'apiTenant' } }`
 */
export interface TenantAuthDecorators {}
type NameOf<Name extends string> =
  TenantAuthDecorators extends Record<Name, infer Other extends string> ? Other : Name

/**
 * `request.tenant` is the tenant of the key, and `request.tenantKey` the key that was used. Both throw
 * `TENANT_AUTH_NOT_AUTHENTICATED` if `tenantAuth` has not let the request in.
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
     * The same check as a function, for `addHook: false` and for `@fastify/auth`.
     *
     * @throws AuthError
     */
    verifyTenantKey(this: void, request: AnyRequest, reply: AnyReply): Promise<void>
  }
  interface FastifyContextConfig {
    tenantAuth?: TenantAuthRouteConfig
  }
}
