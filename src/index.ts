/**
 * The named exports that a service uses. Each plugin is also the default export of its own path; what authors of
 * stores need is in `fastify-tenant-auth/stores`.
 *
 * @module fastify-tenant-auth
 */
export { clerkWebhooks, type ClerkWebhooksOptions } from './clerk-webhooks/index.ts'
export * from './console-auth/index.ts'
export { ErrorResponse } from './http/error-response.ts'
export { errorEnvelope } from './http/error-envelope.ts'
export {
  AuthError,
  type AuthErrorCode,
  type Effect,
  TenantAuthError,
  type UsageErrorCode,
} from './http/errors.ts'
export { KEY_PATTERN } from './keys/key-format.ts'
export { hmacKeyHash, sha512KeyHash } from './keys/key-hash.ts'
export { KeyManager } from './keys/key-manager.ts'
export type { KeyManagerOptions } from './keys/key-manager-options.ts'
export type * from './keys/key-operations.ts'
export {
  type AuditHook,
  type KeyAuditEvent,
  keyRoutes,
  type KeyRoutesManager,
  type KeyRoutesOptions,
  type NewTenant,
} from './key-routes/index.ts'
export type { KeyStatus } from './stores/key-filter.ts'
export type {
  CreateTenantOptions,
  ListTenantsOptions,
  TenantChange,
  TenantOperations,
  TenantPage,
  UpdateTenantOptions,
} from './keys/tenant-manager.ts'
export { type Leak, leakReports, type LeakReportsOptions } from './leak-reports/index.ts'
export { credentialRedaction, type CredentialRedaction, redactCredentials } from './http/redact.ts'
export type { AuthEvent } from './http/events.ts'
export { genReqId } from './http/request-id.ts'
export type { CoherentKeyStore, Confirmation } from './stores/coherent-key-store.ts'
export type { FindOptions, KeyHash, KeyStore, StoredKey, StoredTenant } from './stores/key-store.ts'
export type { KeyDetails, TenantDetails, WritableKeyStore } from './stores/writable-key-store.ts'
export { MemoryKeyStore } from './stores/memory.ts'
export * from './stores/postgres/index.ts'
export * from './tenant-auth/index.ts'
export { RedisKeyStore, type RedisKeyStoreOptions } from './stores/redis/index.ts'
export { securitySchemes } from './http/openapi.ts'
