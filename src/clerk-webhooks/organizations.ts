/**
 * Applies each change of an organization to its tenant once, because an event may come twice, late, or after a newer one.
 *
 * The tenant's metadata records the last change, as `clerk`: `updatedAt`, the time of the organization's last known change,
 * and `deleted`.
 */
import { hasCode } from '../http/errors.ts'
import { isText } from '../keys/text.ts'
import { holdsKey } from '../keys/key-text.ts'
import { NAME_LENGTH } from '../keys/limits.ts'
import type { TenantDetails } from '../stores/writable-key-store.ts'
import type { ClerkWebhooksSettings } from './options.ts'

export type Outcome = 'done' | 'nothing'

interface Mark {
  updatedAt: number
  deleted?: boolean
}

export class Organizations {
  readonly #settings: ClerkWebhooksSettings
  /** By tenant: the change under way, which the next one waits for. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(settings: ClerkWebhooksSettings) {
    this.#settings = settings
  }

  /** @param updatedAt milliseconds since 1970 */
  async changed(id: string, names: readonly unknown[], updatedAt: number): Promise<Outcome> {
    return this.#inTurn(id, async (tenantId, tenant) => {
      const name = nameOf(names, tenantId)
      if (tenant === null) {
        if (!this.#settings.create) return 'nothing'
        await this.#create(tenantId, name, { updatedAt })
        return 'done'
      }
      const mark = markOf(tenant)
      if (mark.deleted === true || mark.updatedAt >= updatedAt) return 'nothing'
      const metadata = { ...tenant.metadata, clerk: { updatedAt } }
      await this.#settings.keys.updateTenant(tenantId, { name, metadata })
      return 'done'
    })
  }

  /** Writes the mark last: if a deletion fails midway, Clerk sends the event again and it is repeated. */
  async deleted(id: string): Promise<Outcome> {
    return this.#inTurn(id, async (tenantId, found) => {
      const { keys, create, onDeleted } = this.#settings
      if (found === null && !create) return 'nothing'
      // Without a tenant to mark as deleted, an event or a session that is still on its way would create one.
      const tenant = found ?? (await this.#create(tenantId, nameOf([], tenantId), { updatedAt: 0 }))
      const mark = markOf(tenant)
      if (mark.deleted === true) return 'nothing'
      if (onDeleted === 'revoke') await keys.revokeTenant(tenantId)
      else await keys.updateTenant(tenantId, { suspended: true })
      const metadata = { ...tenant.metadata, clerk: { ...mark, deleted: true } }
      await keys.updateTenant(tenantId, { metadata })
      return 'done'
    })
  }

  async #create(id: string, name: string, clerk: Mark): Promise<TenantDetails> {
    const { tenant } = await this.#settings.keys.createTenant({ id, name, metadata: { clerk } })
    return tenant
  }

  async #inTurn(
    organizationId: string,
    work: (tenantId: string, tenant: TenantDetails | null) => Promise<Outcome>,
  ): Promise<Outcome> {
    const tenantId = this.#settings.tenantOf(organizationId)
    if (tenantId === null) return 'nothing'
    const before = this.#turns.get(tenantId)
    const turn = (async () => {
      await before?.catch(() => {})
      return this.#attempt(tenantId, work)
    })()
    this.#turns.set(tenantId, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(tenantId) === turn) this.#turns.delete(tenantId)
    }
  }

  /** Tries once more if another instance, or a first key, has created the tenant meanwhile. */
  async #attempt(
    tenantId: string,
    work: (tenantId: string, tenant: TenantDetails | null) => Promise<Outcome>,
  ): Promise<Outcome> {
    try {
      return await work(tenantId, await this.#find(tenantId))
    } catch (error) {
      if (!hasCode(error, 'TENANT_EXISTS')) throw error
      return work(tenantId, await this.#find(tenantId))
    }
  }

  async #find(tenantId: string): Promise<TenantDetails | null> {
    try {
      return await this.#settings.keys.getTenant(tenantId)
    } catch (error) {
      if (hasCode(error, 'TENANT_NOT_FOUND')) return null
      throw error
    }
  }
}

/** `updatedAt` is -1 if no event has marked the tenant: keyRoutes may have created it. */
function markOf({ metadata }: TenantDetails): Mark {
  const { clerk } = metadata as { clerk?: Partial<Mark> | null }
  const { updatedAt, deleted } = Object(clerk) as Partial<Mark>
  return { updatedAt: typeof updatedAt === 'number' ? updatedAt : -1, ...(deleted === true && { deleted }) }
}

/** The first that can be a tenant's name, else its id, else `unnamed`. */
function nameOf(names: readonly unknown[], tenantId: string): string {
  const shortened = [...names, tenantId].map((name) =>
    typeof name === 'string' ? name.slice(0, NAME_LENGTH) : '',
  )
  return shortened.find((name) => isText(name, NAME_LENGTH) && !holdsKey(name)) ?? 'unnamed'
}
