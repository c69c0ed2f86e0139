/** The life of a tenant: made, renamed, suspended, resumed. */
import { randomBytes } from 'node:crypto'
import { TenantAuthError } from '../http/errors.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { TenantDetails, TenantPatch } from '../stores/writable-key-store.ts'
import { tenantNotFound } from './key-errors.ts'
import { checkId, checkMetadata, checkName, isId } from './key-values.ts'
import type { StoreAccess } from './store-access.ts'
import { tenantDetails, tenantOrNull } from './stored-details.ts'

export interface CreateTenantOptions {
  /** 1 to 200 characters, for instance the id of an organization elsewhere. Default: `tenant_` and a random part. */
  id?: string
  /** 1 to 100 characters. */
  name: string
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
}

/** What is not named stays as it is. */
export interface UpdateTenantOptions {
  name?: string
  metadata?: object
}

export interface TenantChange extends Confirmation {
  tenant: TenantDetails
}

export class TenantManager {
  protected readonly access: StoreAccess

  constructor(access: StoreAccess) {
    this.access = access
  }

  /** @throws `TENANT_EXISTS`, `KEY_INVALID`, `KEY_STORE_UNAVAILABLE` */
  async createTenant({
    id = `tenant_${randomBytes(12).toString('hex')}`,
    name,
    metadata = {},
  }: CreateTenantOptions): Promise<{ tenant: TenantDetails }> {
    const tenant: TenantDetails = {
      id: checkId('id', id),
      name: checkName(name),
      metadata: checkMetadata(metadata),
      createdAt: new Date(),
      suspendedAt: null,
    }
    const written = await this.access.write(
      (store) => store.insertTenant(tenant),
      (record) => tenantDetails(record, tenant.id),
      [null],
    )
    if (written === null) throw new TenantAuthError('TENANT_EXISTS', 'A tenant with this id exists')
    return { tenant: written.record }
  }

  /** @throws `TENANT_NOT_FOUND`, `KEY_STORE_UNAVAILABLE` */
  async getTenant(id: string): Promise<TenantDetails> {
    const tenant = isId(id)
      ? await this.access.read(
          (store) => store.findTenant(id),
          (answer) => tenantOrNull(answer, id),
        )
      : null
    if (!tenant) throw tenantNotFound()
    return tenant
  }

  /** @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_STORE_UNAVAILABLE` */
  async updateTenant(id: string, { name, metadata }: UpdateTenantOptions): Promise<TenantChange> {
    return this.#change(id, {
      ...(name !== undefined && { name: checkName(name) }),
      ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    })
  }

  /**
   * Makes every key of the tenant answer 403, until it is resumed. One that is suspended already keeps its `suspendedAt`.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_STORE_UNAVAILABLE`
   */
  async suspendTenant(id: string): Promise<TenantChange> {
    const { suspendedAt } = await this.getTenant(id)
    return this.#change(id, { suspendedAt: suspendedAt ?? new Date() })
  }

  /** @throws `TENANT_NOT_FOUND`, `KEY_STORE_UNAVAILABLE` */
  async resumeTenant(id: string): Promise<TenantChange> {
    return this.#change(id, { suspendedAt: null })
  }

  async #change(id: string, patch: TenantPatch): Promise<TenantChange> {
    const written = isId(id)
      ? await this.access.write(
          (store) => store.updateTenant(id, patch),
          (record) => tenantDetails(record, id),
          [null],
        )
      : null
    if (written === null) throw tenantNotFound()
    return { tenant: written.record, ...(await this.access.confirm(written.epoch)) }
  }
}
