/** `fastify-tenant-auth/keys`: `KeyManager`, without Clerk and without TypeBox. */
export { KeyManager } from './key-manager.ts'
export type { KeyManagerOptions } from './key-manager-options.ts'
export type * from './key-operations.ts'
export type { CreateTenantOptions, TenantChange, UpdateTenantOptions } from './tenant-manager.ts'
