/** `fastify-tenant-auth`: everything, by name. Each plugin is also the default export of its own subpath. */
export * from './console-auth/index.ts'
export { ErrorResponse } from './error-response.ts'
export {
  AuthError,
  type AuthErrorCode,
  type ErrorEnvelope,
  errorEnvelope,
  TenantAuthError,
  type UsageErrorCode,
} from './errors.ts'
export { KEY_PATTERN } from './keys/key-format.ts'
export { KeyManager } from './keys/key-manager.ts'
export type { KeyManagerOptions } from './keys/key-manager-options.ts'
export type * from './keys/key-operations.ts'
export { type AuditHook, type KeyAuditEvent, keyRoutes, type KeyRoutesOptions } from './keys/routes/index.ts'
export type { CreateTenantOptions, TenantChange, UpdateTenantOptions } from './keys/tenant-manager.ts'
export { redactCredentials, redactPaths } from './redact.ts'
export type { AuthEvent, ErrorResponseOption } from './refusal.ts'
export { genReqId } from './request-id.ts'
export type * from './stores/key-store.ts'
export { CLOCK_TOLERANCE, isCoherent, isWritable } from './stores/key-store.ts'
export { MemoryKeyStore } from './stores/memory.ts'
export * from './stores/postgres/index.ts'
export * from './tenant-auth/index.ts'
export { RedisKeyStore, type RedisKeyStoreOptions } from './stores/redis/index.ts'
