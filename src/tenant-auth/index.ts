/** `fastify-tenant-auth/tenant-auth`: the tenant side alone. Loads neither Clerk nor TypeBox. */
export type { FleetState, FleetStats } from '../coherence/fleet-report.ts'
export type { KeyCacheStats } from '../cache/key-cache.ts'
export type { KeyMetadata, Tenant, TenantKey, TenantMetadata } from '../cache/verdict.ts'
export { withoutCredentials } from '../http/without-credentials.ts'
export { getTenant, getTenantKey, tenantAuth, tenantAuth as default } from './plugin.ts'
export type { RefusalReason } from './refusals.ts'
export type {
  TenantAuthCacheOptions,
  TenantAuthDecorators,
  TenantAuthOptions,
  TenantAuthRouteConfig,
  TenantAuthState,
  TenantAuthStats,
} from './types.ts'
