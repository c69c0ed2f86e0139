/** `fastify-tenant-auth/key-routes`: keys over HTTP. */
export type { AuditHook, KeyAuditEvent } from './audit.ts'
export type { KeyRoutesManager, KeyRoutesOptions, NewTenant } from './options.ts'
export { keyRoutes, keyRoutes as default } from './plugin.ts'
