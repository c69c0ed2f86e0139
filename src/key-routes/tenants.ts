/** Makes an organization's tenant when a user who may write first needs it. */
import type { FastifyRequest } from 'fastify'
import { hasCode } from '../http/errors.ts'
import { askApp, type Caller } from './access.ts'
import type { KeyRoutesSettings, NewTenant } from './options.ts'

/** The longest name of a tenant, in characters. Ids of organizations may be longer. */
const NAME_LENGTH = 100

/**
 * Makes a key. If its tenant does not exist, makes the tenant and tries again, so that existing tenants pay for no extra
 * read. Two instances may do this for a new organization at the same moment: one of them makes the tenant.
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

/** Whether the caller's tenant exists, or would be made with the first key. */
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
