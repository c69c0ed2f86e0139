/** `KeyManager`: makes, lists, changes, rotates, revokes and deletes keys. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyHash } from '../stores/key-store.ts'
import type {
  KeyDetails,
  KeyFilter,
  KeyPatch,
  NewKey,
  Page,
  TenantDetails,
  WritableKeyStore,
  Written,
} from '../stores/writable-key-store.ts'
import { paged } from './key-cursor.ts'
import {
  hasExpired,
  INSERT_REFUSALS,
  insertRefused,
  keyExpired,
  keyNotFound,
  keyPaused,
  keyRevoked,
  limitReached,
} from './key-errors.ts'
import { randomId, repeatableId } from './key-id.ts'
import { displayParts, generateKey } from './key-format.ts'
import { keyHashOf } from './key-hash.ts'
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
import {
  checkEnvironment,
  checkExpiry,
  checkFlag,
  checkGrace,
  checkId,
  checkImported,
  checkMoment,
  checkName,
  checkNetworks,
  checkOptionalText,
  checkScopes,
  isId,
} from './key-values.ts'
import { statusOfKey } from '../stores/key-filter.ts'
import { Lifetime } from './lifetime.ts'
import { checkMetadata } from './metadata.ts'
import { checkNames } from './named.ts'
import { purge, revoke } from './removal.ts'
import { StoreAccess } from './store-access.ts'
import { invalid } from './text.ts'
import { keyDetails, keyList, keyOrNull, storedIds } from './stored-details.ts'
import {
  type CreateTenantOptions,
  type ListTenantsOptions,
  type TenantChange,
  TenantManager,
  type TenantOperations,
  type TenantPage,
  type UpdateTenantOptions,
} from './tenant-manager.ts'

/** The options that `create` and `import` share. */
const VALUES = ['tenantId', 'name', 'environment', 'scopes', 'expiresAt', 'networks', 'metadata', 'createdBy']
const FILTER = ['tenantId', 'status', 'environment', 'name', 'unusedSince', 'endsBefore']
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
  readonly #lifetime: Lifetime
  readonly #hash: KeyHash

  /** @throws `TENANT_AUTH_BAD_OPTION` naming the option and what it takes */
  constructor(store: WritableKeyStore, options: KeyManagerOptions = {}) {
    this.#settings = checkOptions(options)
    this.#store = new StoreAccess(checkStore(store), this.#settings.timeout)
    this.#tenants = new TenantManager(this.#store)
    this.#lifetime = new Lifetime(this.#settings.maxLifetime, this.#settings.defaultLifetime)
    this.#hash = keyHashOf(store)
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

  async create(options: CreateKeyOptions): Promise<CreatedKey> {
    checkNames('the options of create', options, [...VALUES, 'idempotencyKey'])
    const id = await this.#newId(checkId('tenantId', options.tenantId), options.idempotencyKey)
    const values = this.#newValues(options)
    await this.#checkRoom(values.tenantId, 1)
    const key = generateKey(this.#settings.prefix, values.environment)
    const fresh = { ...values, id, ...displayParts(key), hash: this.#hash(key) }
    const { record } = await this.#insert(fresh, undefined, true)
    await this.#checkRoom(values.tenantId, 0, id)
    return { key, details: record }
  }

  async import(options: ImportKeyOptions): Promise<KeyChange> {
    checkNames('the options of import', options, [...VALUES, 'hash', 'start', 'last4'])
    const key = { ...this.#newValues(options), ...checkImported(options, this.#hash) }
    await this.#checkRoom(key.tenantId, 1)
    // Not `fresh`: clients may have sent this key before, and instances may remember that it was unknown.
    const written = await this.#insert({ ...key, id: randomId() })
    await this.#checkRoom(key.tenantId, 0, written.record.id)
    return this.#confirmed(written)
  }

  async get(id: string, owner: KeyOwner = {}): Promise<KeyDetails> {
    checkNames('the owner', owner, ['tenantId'])
    // `tenantId: undefined` is a caller's mistake. It must not give access to every tenant's keys.
    const tenantId = 'tenantId' in owner ? checkId('tenantId', owner.tenantId) : undefined
    const details = isId(id) ? await this.#find(id) : null
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
    const { records, nextCursor } = await paged(limit, cursor, (page) => this.#list({ ...filter, ...page }))
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
    checkNames('the options of rotate', options, [
      'tenantId',
      'grace',
      'expiresAt',
      'createdBy',
      'idempotencyKey',
    ])
    const { createdBy = null, idempotencyKey, expiresAt, tenantId } = options
    const old = await this.get(id, 'tenantId' in options ? ({ tenantId } as KeyOwner) : {})
    const newId = await this.#newId(old.tenantId, idempotencyKey)
    const now = new Date()
    if (expiresAt === undefined && statusOfKey(old, now.getTime()) === 'expired') throw hasExpired()
    const grace = checkGrace(options.grace)
    const retireAt = grace === undefined ? null : new Date(now.getTime() + grace)
    const values = {
      tenantId: old.tenantId,
      name: old.name,
      environment: checkEnvironment(old.environment, this.#settings.environments),
      scopes: old.scopes,
      networks: old.networks,
      metadata: old.metadata,
      expiresAt: this.#end(expiresAt, now, old.expiresAt),
      createdAt: now,
      createdBy: checkOptionalText('createdBy', createdBy),
    }
    // With a grace, the old key ends and so makes room for the new one.
    const stays = grace === undefined && statusOfKey(old, now.getTime()) === 'active'
    if (stays) await this.#checkRoom(old.tenantId, 1)
    const key = generateKey(this.#settings.prefix, values.environment)
    const written = await this.#insert(
      { ...values, id: newId, ...displayParts(key), hash: this.#hash(key) },
      { id, expiresAt: retireAt },
    )
    if (stays) await this.#checkRoom(old.tenantId, 0, newId)
    const confirmation = await this.#store.confirm(written).catch(() => unconfirmed(written.epoch, now))
    return { key, details: written.record, retired: retired(old, retireAt), ...confirmation }
  }

  async update(id: string, options: UpdateKeyOptions, owner: KeyOwner = {}): Promise<KeyChange> {
    checkNames('the options of update', options, [
      'name',
      'scopes',
      'expiresAt',
      'paused',
      'networks',
      'metadata',
    ])
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
    if (expiresAt !== undefined) this.#lifetime.check(expiresAt, old.createdAt)
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

  /**
   * A random id, or the one derived from this tenant's idempotency key.
   *
   * A repeated call fails here, before its values are checked. What was valid the first time may be invalid by now, such
   * as an expiry in the future or an old key that had not ended. The caller would then never learn of the key it made.
   *
   * @throws `KEY_EXISTS`
   */
  async #newId(tenantId: string, idempotencyKey: string | undefined): Promise<string> {
    if (idempotencyKey === undefined) return randomId()
    const id = repeatableId(tenantId, idempotencyKey)
    if (await this.#find(id)) throw insertRefused('id-taken', id)
    return id
  }

  #list(options: KeyFilter & Page): Promise<KeyDetails[]> {
    return this.#store.read(
      (store) => store.listKeys(options),
      (answer) => keyList(answer, options.tenantId),
    )
  }

  #find(id: string): Promise<KeyDetails | null> {
    return this.#store.read(
      (store) => store.findKey(id),
      (answer) => keyOrNull(answer, id),
    )
  }

  #newValues({
    tenantId,
    name,
    environment,
    scopes = [],
    metadata = {},
    expiresAt,
    networks = null,
    createdBy = null,
  }: CreateKeyOptions) {
    const createdAt = new Date()
    return {
      tenantId: checkId('tenantId', tenantId),
      name: checkName(name),
      environment: checkEnvironment(environment, this.#settings.environments),
      scopes: checkScopes(scopes, this.scopes),
      networks: checkNetworks(networks),
      metadata: checkMetadata(metadata),
      expiresAt: this.#end(expiresAt, createdAt),
      createdAt,
      createdBy: checkOptionalText('createdBy', createdBy),
    }
  }

  #end(expiresAt: Date | null | undefined, createdAt: Date, inherited?: Date | null): Date | null {
    return expiresAt === undefined
      ? this.#lifetime.usual(createdAt, inherited)
      : this.#lifetime.check(expiresAt, createdAt)
  }

  async #insert(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
    fresh = false,
  ): Promise<Written<KeyDetails>> {
    const { id, tenantId } = key
    const written = await this.#store.write(
      (store) => store.insertKey(key, retire, fresh),
      (record) => keyDetails(record, { id, tenantId }),
      INSERT_REFUSALS,
    )
    // The store refuses to rotate a paused key, because the new key would not be paused.
    if (written === 'not-retirable' && retire !== undefined && (await this.#find(retire.id))?.pausedAt)
      throw keyPaused()
    if (typeof written === 'string') throw insertRefused(written, id)
    return written
  }

  /**
   * Counts the live keys before a key is made and again after, when calls at the same moment see each other's keys. A
   * key too many is revoked before anyone has seen it. Unless the store fails in between, a tenant never ends up with
   * more than `maxKeys`, and rarely with fewer than it could have.
   *
   * @param made the id of the key to revoke if it is one too many
   * @throws `KEY_LIMIT_REACHED`
   */
  async #checkRoom(tenantId: string, wanted: number, made?: string): Promise<void> {
    const { maxKeys } = this.#settings
    if (maxKeys === undefined) return
    let live = wanted
    for (const status of ['active', 'paused'] as const) {
      live += (await this.#list({ tenantId, status, limit: maxKeys + 1 })).length
    }
    if (live <= maxKeys) return
    if (made !== undefined) await this.revoke(made)
    throw limitReached(maxKeys)
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

function retired(old: KeyDetails, retireAt: Date | null): KeyDetails {
  const ends = retireAt !== null && (old.expiresAt === null || retireAt < old.expiresAt)
  return ends ? { ...old, expiresAt: retireAt } : old
}

function unconfirmed(epoch: number, since: Date): Confirmation {
  return { epoch, confirmedBy: 'none', instances: 0, waitedMs: Date.now() - since.getTime() }
}
