/** The life of a tenant: made, renamed, suspended, resumed. */
import { randomBytes } from 'node:crypto'
import { TenantAuthError } from '../http/errors.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { TenantDetails, TenantPatch } from '../stores/writable-key-store.ts'
import { tenantNotFound } from './key-errors.ts'
import { checkId, checkName, isId } from './key-values.ts'
import { checkMetadata } from './metadata.ts'
import { checkNames } from './named.ts'
import type { StoreAccess } from './store-access.ts'
import { tenantDetails, tenantOrNull } from './stored-details.ts'

/** What `createTenant` takes. */
export interface CreateTenantOptions {
  /** 1 to 200 characters, for instance the id of an organization elsewhere. Default: `tenant_` and a random part. */
  id?: string
  /** 1 to 100 characters. */
  name: string
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
}

/** What you leave out stays as it is. */
export interface UpdateTenantOptions {
  name?: string
  metadata?: object
}

export interface TenantChange extends Confirmation {
  tenant: TenantDetails
}

/** What `KeyManager` does with tenants. Every call may throw `KEY_STORE_UNAVAILABLE`. */
export interface TenantOperations {
  /** @throws `TENANT_EXISTS`, `KEY_INVALID` */
  createTenant(options: CreateTenantOptions): Promise<{ tenant: TenantDetails }>
  /** @throws `TENANT_NOT_FOUND` */
  getTenant(id: string): Promise<TenantDetails>
  /** @throws `TENANT_NOT_FOUND`, `KEY_INVALID` */
  updateTenant(id: string, options: UpdateTenantOptions): Promise<TenantChange>
  /**
   * Makes every key of the tenant answer 403, until it is resumed. One that is suspended already keeps its `suspendedAt`.
   *
   * @throws `TENANT_NOT_FOUND`
   */
  suspendTenant(id: string): Promise<TenantChange>
  /** @throws `TENANT_NOT_FOUND` */
  resumeTenant(id: string): Promise<TenantChange>
}

export class TenantManager implements TenantOperations {
  readonly #store: StoreAccess

  constructor(store: StoreAccess) {
    this.#store = store
  }

  async createTenant(options: CreateTenantOptions): Promise<{ tenant: TenantDetails }> {
    checkNames('the options of createTenant', options, ['id', 'name', 'metadata'])
    const { id = `tenant_${randomBytes(12).toString('hex')}`, name, metadata = {} } = options
    const tenant: TenantDetails = {
      id: checkId('id', id),
      name: checkName(name),
      metadata: checkMetadata(metadata),
      createdAt: new Date(),
      suspendedAt: null,
    }
    const written = await this.#store.write(
      (store) => store.insertTenant(tenant),
      (record) => tenantDetails(record, tenant.id),
      [null],
    )
    if (written === null) throw new TenantAuthError('TENANT_EXISTS', 'A tenant with this id exists')
    return { tenant: written.record }
  }

  async getTenant(id: string): Promise<TenantDetails> {
    const tenant = isId(id)
      ? await this.#store.read(
          (store) => store.findTenant(id),
          (answer) => tenantOrNull(answer, id),
        )
      : null
    if (!tenant) throw tenantNotFound()
    return tenant
  }

  async updateTenant(id: string, options: UpdateTenantOptions): Promise<TenantChange> {
    checkNames('the options of updateTenant', options, ['name', 'metadata'])
    const { name, metadata } = options
    return this.#change(id, {
      ...(name !== undefined && { name: checkName(name) }),
      ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    })
  }

  async suspendTenant(id: string): Promise<TenantChange> {
    const { suspendedAt } = await this.getTenant(id)
    return this.#change(id, { suspendedAt: suspendedAt ?? new Date() })
  }

  async resumeTenant(id: string): Promise<TenantChange> {
    return this.#change(id, { suspendedAt: null })
  }

  async #change(id: string, patch: TenantPatch): Promise<TenantChange> {
    const written = isId(id)
      ? await this.#store.write(
          (store) => store.updateTenant(id, patch),
          (record) => tenantDetails(record, id),
          [null],
        )
      : null
    if (written === null) throw tenantNotFound()
    return { tenant: written.record, ...(await this.#store.confirm(written)) }
  }
}
