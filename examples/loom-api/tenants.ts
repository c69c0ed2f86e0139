/** Each organization is a tenant with the same id. It becomes one when a member first opens its keys. */
import { type ConsoleUser, type KeyManager, TenantAuthError } from 'fastify-tenant-auth'
import { LRUCache } from 'lru-cache'

/** For `keyRoutes`: the tenant of the signed-in user's active organization. */
export function tenantOfOrganization(keys: KeyManager): (user: ConsoleUser) => Promise<string | null> {
  const known = new LRUCache<string, true>({ max: 10_000 })
  return async ({ orgId }) => {
    if (orgId === null || known.has(orgId)) return orgId
    await ensureTenant(keys, orgId, orgId)
    known.set(orgId, true)
    return orgId
  }
}

/** Two instances may see a new organization at the same moment. Only one of them creates the tenant. */
export async function ensureTenant(keys: KeyManager, id: string, name: string): Promise<void> {
  try {
    await keys.getTenant(id)
  } catch (error) {
    if (!hasCode(error, 'TENANT_NOT_FOUND')) throw error
    await keys.createTenant({ id, name }).catch((cause: unknown) => {
      if (!hasCode(cause, 'TENANT_EXISTS')) throw cause
    })
  }
}

function hasCode(error: unknown, code: TenantAuthError['code']): boolean {
  return error instanceof TenantAuthError && error.code === code
}
