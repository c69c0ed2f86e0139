/** The `tenants` commands, and `migrate`. */
import { KeyManager } from '../keys/key-manager.ts'
import type { TenantDetails } from '../stores/writable-key-store.ts'
import type { Invocation, Result } from './commands.ts'
import { UsageError } from './exit-codes.ts'
import { allPages, day, printable, reached, table } from './output.ts'

export async function migrate({ store }: Invocation): Promise<Result> {
  const tables = store.migrate !== undefined
  await store.migrate?.()
  return {
    note: tables ? 'The tables are up to date.' : 'Redis needs no tables.',
    json: { migrated: tables },
  }
}

export async function create({ store, values: { id, name = '' } }: Invocation): Promise<Result> {
  const { tenant } = await new KeyManager(store).createTenant({ name, ...(id !== undefined && { id }) })
  return { out: tenant.id, note: `Tenant ${tenant.id} is created.`, json: { tenant: shown(tenant) } }
}

export async function list({ store, values: { search } }: Invocation): Promise<Result> {
  const manager = new KeyManager(store)
  const tenants = await allPages(async (page) => {
    const { tenants, nextCursor } = await manager.listTenants({
      ...page,
      ...(search !== undefined && { search }),
    })
    return { records: tenants, nextCursor }
  })
  const json = { tenants: tenants.map(shown) }
  return tenants.length === 0 ? { note: 'No tenants.', json } : { out: tenantTable(tenants), json }
}

export async function get({ store, id }: Invocation): Promise<Result> {
  const tenant = await new KeyManager(store).getTenant(id)
  return { out: tenantTable([tenant]), json: { tenant: shown(tenant) } }
}

export const suspend = (invocation: Invocation): Promise<Result> => change(invocation, true)
export const resume = (invocation: Invocation): Promise<Result> => change(invocation, false)

async function change({ store, id }: Invocation, suspended: boolean): Promise<Result> {
  const changed = await new KeyManager(store).updateTenant(id, { suspended })
  const note = `${printable(id)} is ${suspended ? 'suspended' : 'resumed'}, ${reached(changed)}.`
  return { note, json: { ...changed, tenant: shown(changed.tenant) } }
}

export async function remove({ store, id, values: { yes } }: Invocation): Promise<Result> {
  const manager = new KeyManager(store)
  if (yes !== true) {
    const { name } = await manager.getTenant(id)
    throw new UsageError(
      `This deletes ${printable(name)} and all of its keys permanently: confirm with --yes`,
    )
  }
  const deleted = await manager.deleteTenant(id)
  return { note: `${printable(id)} is deleted, ${reached(deleted)}.`, json: { ...deleted, tenant: { id } } }
}

function statusOf({ suspendedAt }: TenantDetails): string {
  return suspendedAt === null ? 'active' : 'suspended'
}

export function shown(tenant: TenantDetails): object {
  return { ...tenant, status: statusOf(tenant) }
}

function tenantTable(tenants: readonly TenantDetails[]): string {
  return table(
    ['ID', 'NAME', 'STATUS', 'CREATED'],
    tenants.map((tenant) => [tenant.id, tenant.name, statusOf(tenant), day(tenant.createdAt)]),
  )
}
