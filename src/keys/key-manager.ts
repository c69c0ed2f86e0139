/** `KeyManager`: makes, lists, changes, rotates, revokes and deletes keys. */
import { statusOfKey } from '../stores/key-filter.ts'
import type { KeyHash } from '../stores/key-store.ts'
import type {
  KeyDetails,
  KeyFilter,
  KeyPatch,
  TenantDetails,
  WritableKeyStore,
  Written,
} from '../stores/writable-key-store.ts'
import { paged } from './key-cursor.ts'
import { keyExpired, keyNotFound, keyRevoked } from './key-errors.ts'
import { keyHashOf } from './key-hash.ts'
import { KeyIssuer } from './key-issuer.ts'
import {
  checkOptions,
  checkStore,
  type KeyManagerOptions,
  type KeyManagerSettings,
} from './key-manager-options.ts'
import type {
  CreateKeyOptions,
  CreatedKey,
  IdentifiedKey,
  ImportKeyOptions,
  KeyChange,
  KeyOperations,
  KeyOwner,
  KeyPage,
  ListKeysOptions,
  PurgeOptions,
  RotatedKey,
  RotateKeyOptions,
  UpdateKeyOptions,
} from './key-operations.ts'
import { findKey, listKeys } from './key-reads.ts'
import {
  checkExpiry,
  checkFlag,
  checkId,
  checkMoment,
  checkName,
  checkNetworks,
  checkScopes,
  isId,
} from './key-values.ts'
import { checkMetadata } from './metadata.ts'
import { checkNames } from './named.ts'
import { purge, revoke } from './removal.ts'
import { StoreAccess } from './store-access.ts'
import { invalid } from './text.ts'
import { keyDetails, storedIds } from './stored-details.ts'
import {
  type CreateTenantOptions,
  type ListTenantsOptions,
  type TenantChange,
  TenantManager,
  type TenantOperations,
  type TenantPage,
  type UpdateTenantOptions,
} from './tenant-manager.ts'

const FILTER = ['tenantId', 'status', 'environment', 'name', 'unusedSince', 'endsBefore']
const ROTATION = ['tenantId', 'grace', 'expiresAt', 'createdBy', 'idempotencyKey']
const CHANGES = ['name', 'scopes', 'expiresAt', 'paused', 'networks', 'metadata']
const STATUSES = ['active', 'paused', 'expired', 'revoked'] as const

/**
 * Makes, lists, changes and revokes keys, and the tenants that they belong to.
 *
 * A call that narrows a key returns once no instance accepts what it took away, with a `Confirmation` that says how it
 * knows. Every call may throw `KEY_STORE_UNAVAILABLE`, whose `effect` says whether a write took effect, if known.
 *
 * ```ts
 * const keys = new KeyManager(keyStore, { scopes: ['verify:write', 'usage:read'] })
 * const { key, details } = await keys.create({ tenantId, name: 'server', environment: 'live' })
 * const { confirmedBy, waitedMs } = await keys.revoke(details.id)
 * ```
 */
export class KeyManager implements KeyOperations, TenantOperations {
  /** The scopes that exist, `undefined` for any. */
  readonly scopes: readonly string[] | undefined
  readonly #settings: KeyManagerSettings
  readonly #store: StoreAccess
  readonly #tenants: TenantManager
  readonly #issuer: KeyIssuer
  readonly #hash: KeyHash

  /** @throws `TENANT_AUTH_BAD_OPTION` naming the option and what it takes */
  constructor(store: WritableKeyStore, options: KeyManagerOptions = {}) {
    this.#settings = checkOptions(options)
    this.#store = new StoreAccess(checkStore(store), this.#settings.timeout)
    this.#tenants = new TenantManager(this.#store)
    this.#hash = keyHashOf(store)
    this.#issuer = new KeyIssuer(this.#store, this.#settings, this.#hash)
    this.scopes = this.#settings.scopes
  }

  createTenant(options: CreateTenantOptions): Promise<{ tenant: TenantDetails }> {
    return this.#tenants.createTenant(options)
  }

  getTenant(id: string): Promise<TenantDetails> {
    return this.#tenants.getTenant(id)
  }

  updateTenant(id: string, options: UpdateTenantOptions): Promise<TenantChange> {
    return this.#tenants.updateTenant(id, options)
  }

  listTenants(options?: ListTenantsOptions): Promise<TenantPage> {
    return this.#tenants.listTenants(options)
  }

  revokeTenant(id: string): Promise<TenantChange> {
    return this.#tenants.revokeTenant(id)
  }

  deleteTenant(id: string): Promise<TenantChange> {
    return this.#tenants.deleteTenant(id)
  }

  create(options: CreateKeyOptions): Promise<CreatedKey> {
    return this.#issuer.create(options)
  }

  import(options: ImportKeyOptions): Promise<KeyChange> {
    return this.#issuer.import(options)
  }

  async get(id: string, owner: KeyOwner = {}): Promise<KeyDetails> {
    checkNames('the owner', owner, ['tenantId'])
    // `tenantId: undefined` is a caller's mistake. It must not give access to every tenant's keys.
    const tenantId = 'tenantId' in owner ? checkId('tenantId', owner.tenantId) : undefined
    const details = isId(id) ? await findKey(this.#store, id) : null
    if (!details || (tenantId !== undefined && details.tenantId !== tenantId)) throw keyNotFound()
    return details
  }

  async identify(key: string): Promise<IdentifiedKey> {
    if (typeof key !== 'string' || key === '' || key.length > 512) throw keyNotFound()
    const hash = this.#hash(key)
    const found = await this.#store.read(
      (store, signal) => store.findByHash(hash, { signal }),
      (answer) => storedIds(answer),
    )
    if (found === null) throw keyNotFound()
    const details = await this.get(found.id, { tenantId: found.tenantId })
    const tenant = await this.getTenant(details.tenantId)
    const status = statusOfKey(details)
    return {
      details,
      tenant,
      status: status === 'active' && tenant.suspendedAt !== null ? 'suspended' : status,
    }
  }

  async list(options: ListKeysOptions): Promise<KeyPage> {
    checkNames('the options of list', options, [...FILTER, 'limit', 'cursor'])
    const { limit, cursor } = options
    const filter = checkFilter(options)
    const { records, nextCursor } = await paged(limit, cursor, (page) =>
      listKeys(this.#store, { ...filter, ...page }),
    )
    return { keys: records, nextCursor }
  }

  async purge(options: PurgeOptions): Promise<{ deleted: number }> {
    checkNames('the options of purge', options, ['endedBefore', 'tenantId'])
    const endedBefore = checkMoment('endedBefore', options.endedBefore)
    if (endedBefore.getTime() > Date.now()) throw invalid('endedBefore', 'a Date that is not in the future')
    const filter = 'tenantId' in options ? { tenantId: checkId('tenantId', options.tenantId) } : {}
    return { deleted: await purge(this.#store, filter, endedBefore) }
  }

  async rotate(id: string, options: RotateKeyOptions = {}): Promise<RotatedKey> {
    checkNames('the options of rotate', options, ROTATION)
    const { tenantId } = options
    const old = await this.get(id, 'tenantId' in options ? ({ tenantId } as KeyOwner) : {})
    return this.#issuer.rotate(old, options)
  }

  async update(id: string, options: UpdateKeyOptions, owner: KeyOwner = {}): Promise<KeyChange> {
    checkNames('the options of update', options, CHANGES)
    const { name, scopes, expiresAt, paused, networks, metadata } = options
    const patch: KeyPatch = {
      ...(name !== undefined && { name: checkName(name) }),
      ...(scopes !== undefined && { scopes: checkScopes(scopes, this.scopes) }),
      ...(expiresAt !== undefined && { expiresAt: checkExpiry(expiresAt) }),
      ...(networks !== undefined && { networks: checkNetworks(networks) }),
      ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    }
    const pauses = paused !== undefined && checkFlag('paused', paused)
    const old = await this.get(id, owner)
    if (paused !== undefined) patch.pausedAt = pauses ? (old.pausedAt ?? new Date()) : null
    refuseEnded(old)
    if (expiresAt !== undefined) this.#settings.lifetime.check(expiresAt, old.createdAt)
    const written = await this.#store.write(
      (store) => store.updateKey(id, patch),
      (record) => keyDetails(record, { id }),
      [null],
    )
    if (written === null) {
      refuseEnded(await this.get(id, owner))
      throw keyRevoked()
    }
    return this.#confirmed(written)
  }

  async revoke(id: string, owner: KeyOwner = {}): Promise<KeyChange> {
    await this.get(id, owner)
    const written = await revoke(this.#store, id)
    if (written === null) throw keyNotFound()
    return this.#confirmed(written)
  }

  async #confirmed(written: Written<KeyDetails>): Promise<KeyChange> {
    return { details: written.record, ...(await this.#store.confirm(written)) }
  }
}

/** @throws `KEY_INVALID` */
function checkFilter(options: ListKeysOptions): KeyFilter {
  const { tenantId, status, environment, name, unusedSince, endsBefore } = options
  if (status !== undefined && !STATUSES.includes(status)) {
    throw invalid('status', `one of ${STATUSES.join(', ')}`)
  }
  return {
    ...(tenantId !== null && { tenantId: checkId('tenantId', tenantId) }),
    ...(status !== undefined && { status }),
    ...(environment !== undefined && { environment: checkId('environment', environment) }),
    ...(name !== undefined && { name: checkName(name) }),
    ...(unusedSince !== undefined && { unusedSince: checkMoment('unusedSince', unusedSince) }),
    ...(endsBefore !== undefined && { endsBefore: checkMoment('endsBefore', endsBefore) }),
  }
}

/** @throws `KEY_REVOKED`, `KEY_EXPIRED` */
function refuseEnded(key: KeyDetails): void {
  const status = statusOfKey(key)
  if (status === 'revoked') throw keyRevoked()
  if (status === 'expired') throw keyExpired()
}
