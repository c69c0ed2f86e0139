/** `fastify-tenant-auth/keys`: `KeyManager`, without Clerk and without TypeBox. */
export { hmacKeyHash, sha512KeyHash } from './key-hash.ts'
export { KeyManager } from './key-manager.ts'
export type { KeyManagerOptions } from './key-manager-options.ts'
export type * from './key-operations.ts'
export type { KeyStatus } from '../stores/key-filter.ts'
export type {
  CreateTenantOptions,
  ListTenantsOptions,
  TenantChange,
  TenantOperations,
  TenantPage,
  UpdateTenantOptions,
} from './tenant-manager.ts'
