/** `fastify-tenant-auth/keys`: keys over HTTP, and the `KeyManager` that they stand on. */
export { KeyManager } from '../key-manager.ts'
export type { AuditHook, KeyAuditEvent } from './audit.ts'
export type { KeyRoutesOptions } from './options.ts'
export { keyRoutes, keyRoutes as default } from './plugin.ts'
