/** `fastify-tenant-auth/key-routes`: keys over HTTP. */
export type { AuditHook, KeyAuditEvent } from './audit.ts'
export type { KeyRoutesOptions } from './options.ts'
export { keyRoutes, keyRoutes as default } from './plugin.ts'
