/** A tenant for each organization, made when somebody who may write first needs it. */
import type { FastifyRequest } from 'fastify'
import { TenantAuthError } from '../http/errors.ts'
import { askApp, type Caller } from './access.ts'
import type { KeyRoutesSettings, NewTenant } from './options.ts'

/** Names of tenants have at most so many characters, and ids of organizations may have more. */
const NAME_LENGTH = 100

/**
 * Makes a key, and before it the tenant where there is none: asked for only then, so that the others pay nothing. Two
 * instances may come upon a new organization at the same moment, and one of them makes the tenant.
 */
export async function inTenant<Result>(
  request: FastifyRequest,
  caller: Caller,
  settings: KeyRoutesSettings,
  make: () => Promise<Result>,
): Promise<Result> {
  try {
    return await make()
  } catch (error) {
    const tenant = hasCode(error, 'TENANT_NOT_FOUND') && (await newTenant(request, caller, settings))
    if (!tenant) throw error
    const { name = caller.tenantId.slice(0, NAME_LENGTH), metadata = {} } = tenant
    await settings.keys.createTenant({ id: caller.tenantId, name, metadata }).catch((cause: unknown) => {
      if (!hasCode(cause, 'TENANT_EXISTS')) throw cause
    })
    return make()
  }
}

/** Whether there is a tenant for the caller's keys, or could be. */
export async function hasTenant(
  request: FastifyRequest,
  caller: Caller,
  settings: KeyRoutesSettings,
): Promise<boolean> {
  try {
    await settings.keys.getTenant(caller.tenantId)
    return true
  } catch (error) {
    if (!hasCode(error, 'TENANT_NOT_FOUND')) throw error
    return (await newTenant(request, caller, settings)) !== null
  }
}

async function newTenant(
  request: FastifyRequest,
  { user }: Caller,
  { newTenant }: KeyRoutesSettings,
): Promise<NewTenant | null> {
  return newTenant === false ? null : askApp(request, () => newTenant(user))
}

function hasCode(error: unknown, code: TenantAuthError['code']): boolean {
  return error instanceof TenantAuthError && error.code === code
}
