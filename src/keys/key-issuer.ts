/** Makes keys: new ones, those that another system has issued, and those that take over from an older one. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import { statusOfKey } from '../stores/key-filter.ts'
import type { KeyHash } from '../stores/key-store.ts'
import type { KeyDetails, NewKey, Written } from '../stores/writable-key-store.ts'
import { hasExpired, INSERT_REFUSALS, insertRefused, keyPaused, limitReached } from './key-errors.ts'
import { displayParts, generateKey } from './key-format.ts'
import { randomId, repeatableId } from './key-id.ts'
import type { KeyManagerSettings } from './key-manager-options.ts'
import type {
  CreatedKey,
  CreateKeyOptions,
  ImportKeyOptions,
  KeyChange,
  RotatedKey,
  RotateKeyOptions,
} from './key-operations.ts'
import { findKey, listKeys } from './key-reads.ts'
import {
  checkEnvironment,
  checkGrace,
  checkId,
  checkImported,
  checkName,
  checkNetworks,
  checkOptionalText,
  checkScopes,
} from './key-values.ts'
import { checkMetadata } from './metadata.ts'
import { checkNames } from './named.ts'
import { revoke } from './removal.ts'
import type { StoreAccess } from './store-access.ts'
import { keyDetails } from './stored-details.ts'

/** The options that `create` and `import` share. */
const VALUES = ['tenantId', 'name', 'environment', 'scopes', 'expiresAt', 'networks', 'metadata', 'createdBy']

export class KeyIssuer {
  readonly #store: StoreAccess
  readonly #settings: KeyManagerSettings
  readonly #hash: KeyHash

  constructor(store: StoreAccess, settings: KeyManagerSettings, hash: KeyHash) {
    this.#store = store
    this.#settings = settings
    this.#hash = hash
  }

  async create(options: CreateKeyOptions): Promise<CreatedKey> {
    checkNames('the options of create', options, [...VALUES, 'idempotencyKey'])
    const id = await this.#newId(checkId('tenantId', options.tenantId), options.idempotencyKey)
    const values = this.#newValues(options)
    await this.#checkRoom(values.tenantId, 1)
    const { key, parts } = this.#generate(values.environment)
    const { record } = await this.#insert({ ...values, ...parts, id }, undefined, true)
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
    return { details: written.record, ...(await this.#store.confirm(written)) }
  }

  /** @param old the key to take over from */
  async rotate(old: KeyDetails, options: RotateKeyOptions): Promise<RotatedKey> {
    const { createdBy = null, idempotencyKey, expiresAt } = options
    const id = await this.#newId(old.tenantId, idempotencyKey)
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
    const { key, parts } = this.#generate(values.environment)
    const written = await this.#insert({ ...values, ...parts, id }, { id: old.id, expiresAt: retireAt })
    if (stays) await this.#checkRoom(old.tenantId, 0, id)
    const confirmation = await this.#store.confirm(written).catch(() => unconfirmed(written.epoch, now))
    return { key, details: written.record, retired: retired(old, retireAt), ...confirmation }
  }

  #generate(environment: string) {
    const key = generateKey(this.#settings.prefix, environment)
    return { key, parts: { ...displayParts(key), hash: this.#hash(key) } }
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
    if (await findKey(this.#store, id)) throw insertRefused('id-taken', id)
    return id
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
      scopes: checkScopes(scopes, this.#settings.scopes),
      networks: checkNetworks(networks),
      metadata: checkMetadata(metadata),
      expiresAt: this.#end(expiresAt, createdAt),
      createdAt,
      createdBy: checkOptionalText('createdBy', createdBy),
    }
  }

  #end(expiresAt: Date | null | undefined, createdAt: Date, inherited?: Date | null): Date | null {
    const { lifetime } = this.#settings
    return expiresAt === undefined
      ? lifetime.usual(createdAt, inherited)
      : lifetime.check(expiresAt, createdAt)
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
    if (written === 'not-retirable' && retire !== undefined) {
      if ((await findKey(this.#store, retire.id))?.pausedAt) throw keyPaused()
    }
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
      live += (await listKeys(this.#store, { tenantId, status, limit: maxKeys + 1 })).length
    }
    if (live <= maxKeys) return
    const revoked = made === undefined ? null : await revoke(this.#store, made)
    // Clients may use an imported key already.
    if (revoked !== null) await this.#store.confirm(revoked)
    throw limitReached(maxKeys)
  }
}

function retired(old: KeyDetails, retireAt: Date | null): KeyDetails {
  const ends = retireAt !== null && (old.expiresAt === null || retireAt < old.expiresAt)
  return ends ? { ...old, expiresAt: retireAt } : old
}

function unconfirmed(epoch: number, since: Date): Confirmation {
  return { epoch, confirmedBy: 'none', instances: 0, waitedMs: Date.now() - since.getTime() }
}
