/** Makes, lists, renames, suspends, resumes, revokes and deletes tenants. */
import { randomBytes } from 'node:crypto'
import { TenantAuthError } from '../http/errors.ts'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { TenantDetails, TenantFilter, TenantPatch } from '../stores/writable-key-store.ts'
import { tenantNotFound } from './key-errors.ts'
import { paged } from './key-cursor.ts'
import { checkFlag, checkId, checkName, isId } from './key-values.ts'
import { checkMetadata } from './metadata.ts'
import { checkNames } from './named.ts'
import { removeTenant, revokeAll } from './removal.ts'
import type { StoreAccess } from './store-access.ts'
import { tenantDetails, tenantList, tenantOrNull } from './stored-details.ts'

/** What `createTenant` takes. */
export interface CreateTenantOptions {
  /** 1 to 200 characters, for instance an organization's id in another system. Default: `tenant_` and a random part. */
  id?: string
  /** 1 to 100 characters. */
  name: string
  /** A plain object that survives JSON, up to 4 KiB. Default: `{}`. */
  metadata?: object
}

/** What `updateTenant` takes. What you leave out stays as it is. */
export interface UpdateTenantOptions {
  name?: string
  metadata?: object
  /** `true`: requests with the tenant's keys get a 403, until you set `false`. */
  suspended?: boolean
}

/** What `listTenants` takes. */
export interface ListTenantsOptions extends TenantFilter {
  /** 1 to 100. Default: 50. */
  limit?: number
  /** The `nextCursor` of the previous page. */
  cursor?: string
}

/** What `listTenants` returns. */
export interface TenantPage {
  tenants: TenantDetails[]
  /** For the next page. `null` on the last one. */
  nextCursor: string | null
}

/** What a change of a tenant returns: the tenant after the change, and how the change was confirmed. */
export interface TenantChange extends Confirmation {
  tenant: TenantDetails
}

/** What `KeyManager` does with tenants. Every call may throw `KEY_STORE_UNAVAILABLE`. */
export interface TenantOperations {
  /** @throws `TENANT_EXISTS`, `KEY_INVALID` */
  createTenant(options: CreateTenantOptions): Promise<{ tenant: TenantDetails }>
  /** @throws `TENANT_NOT_FOUND` */
  getTenant(id: string): Promise<TenantDetails>
  /**
   * Lists tenants, newest first.
   *
   * @throws `KEY_INVALID`
   */
  listTenants(options?: ListTenantsOptions): Promise<TenantPage>
  /**
   * Changes a tenant's name or metadata, suspends or resumes it. A tenant that is already suspended keeps its
   * `suspendedAt`.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`
   */
  updateTenant(id: string, options: UpdateTenantOptions): Promise<TenantChange>
  /**
   * Suspends a tenant and permanently revokes all of its keys.
   *
   * @throws `TENANT_NOT_FOUND`
   */
  revokeTenant(id: string): Promise<TenantChange>
  /**
   * Deletes a tenant and all of its keys. When this returns, no instance of the fleet accepts any of them. A call that
   * fails midway leaves the tenant suspended: call it again.
   *
   * @throws `TENANT_NOT_FOUND`
   */
  deleteTenant(id: string): Promise<TenantChange>
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
    if (written === null) throw new TenantAuthError('TENANT_EXISTS', 'A tenant with this id already exists')
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

  async listTenants(options: ListTenantsOptions = {}): Promise<TenantPage> {
    checkNames('the options of listTenants', options, ['search', 'limit', 'cursor'])
    const { search, limit, cursor } = options
    const filter = search === undefined ? {} : { search: checkId('search', search) }
    const { records, nextCursor } = await paged(limit, cursor, (page) =>
      this.#store.read((store) => store.listTenants({ ...filter, ...page }), tenantList),
    )
    return { tenants: records, nextCursor }
  }

  async updateTenant(id: string, options: UpdateTenantOptions): Promise<TenantChange> {
    checkNames('the options of updateTenant', options, ['name', 'metadata', 'suspended'])
    const { name, metadata, suspended } = options
    const patch: TenantPatch = {
      ...(name !== undefined && { name: checkName(name) }),
      ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    }
    if (suspended !== undefined) {
      const { suspendedAt } = await this.getTenant(id)
      patch.suspendedAt = checkFlag('suspended', suspended) ? (suspendedAt ?? new Date()) : null
    }
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

  async revokeTenant(id: string): Promise<TenantChange> {
    const suspended = await this.updateTenant(id, { suspended: true })
    return { ...suspended, ...(await revokeAll(this.#store, id)) }
  }

  async deleteTenant(id: string): Promise<TenantChange> {
    const suspended = await this.updateTenant(id, { suspended: true })
    return { ...suspended, ...(await removeTenant(this.#store, id)) }
  }
}
