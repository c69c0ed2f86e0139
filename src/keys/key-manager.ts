/** The life of a key: made, shown once, listed, changed, rotated, revoked for ever. */
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { KeyDetails, KeyPatch, NewKey, WritableKeyStore, Written } from '../stores/writable-key-store.ts'
import { decodeCursor, encodeCursor } from './key-cursor.ts'
import { hasExpired, INSERT_REFUSALS, insertRefused, keyNotFound, keyRevoked } from './key-errors.ts'
import { randomId, repeatableId } from './key-id.ts'
import { displayParts, generateKey, hashKey } from './key-format.ts'
import {
  checkOptions,
  checkStore,
  type KeyManagerOptions,
  type KeyManagerSettings,
} from './key-manager-options.ts'
import type {
  CreateKeyOptions,
  CreatedKey,
  ImportKeyOptions,
  KeyChange,
  KeyPage,
  KeyScope,
  ListKeysOptions,
  RotatedKey,
  RotateKeyOptions,
  UpdateKeyOptions,
} from './key-operations.ts'
import {
  checkEnvironment,
  checkExpiry,
  checkGrace,
  checkId,
  checkImported,
  checkLimit,
  checkMetadata,
  checkName,
  checkOptionalText,
  checkScopes,
  isId,
} from './key-values.ts'
import { StoreAccess } from './store-access.ts'
import { keyDetails, keyList, keyOrNull } from './stored-details.ts'
import { TenantManager } from './tenant-manager.ts'

/**
 * Makes, lists, changes and revokes keys, and the tenants that they belong to.
 *
 * Whatever narrows a key returns when the fleet goes by it, with what is known of that (`Confirmation`). Every call may
 * throw `KEY_STORE_UNAVAILABLE`: of a write it is then not known whether it took effect.
 *
 * ```ts
 * const keys = new KeyManager(keyStore, { scopes: ['verify:write', 'usage:read'] })
 * const { key, details } = await keys.create({ tenantId, name: 'server', environment: 'live' })
 * const { confirmedBy, waitedMs } = await keys.revoke(details.id)
 * ```
 */
export class KeyManager extends TenantManager {
  readonly #settings: KeyManagerSettings

  /** @throws `TENANT_AUTH_BAD_OPTION` naming the option and what it takes */
  constructor(store: WritableKeyStore, options: KeyManagerOptions = {}) {
    const settings = checkOptions(options)
    super(new StoreAccess(checkStore(store), settings.timeout))
    this.#settings = settings
  }

  /**
   * Makes a key. The answer is the only one that ever holds it, and comes after the store has it for good.
   *
   * A create that threw may have left a key that nobody has seen. With an `idempotencyKey` the next attempt says so.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before), `KEY_STORE_UNAVAILABLE`
   */
  async create(options: CreateKeyOptions): Promise<CreatedKey> {
    const id = await this.#newId(checkId('tenantId', options.tenantId), options.idempotencyKey)
    const values = this.#newValues(options)
    const key = generateKey(this.#settings.prefix, values.environment)
    const { record } = await this.#insert({ ...values, id, ...displayParts(key), hash: hashKey(key) })
    return { key, details: record }
  }

  /**
   * Takes in a key that was made elsewhere, by its hash. A key of another form than this package's takes
   * `keyFormat: 'any'` at `tenantAuth`.
   *
   * @throws `TENANT_NOT_FOUND`, `KEY_INVALID`, `KEY_EXISTS` (a key with this hash), `KEY_STORE_UNAVAILABLE`
   */
  async import(options: ImportKeyOptions): Promise<KeyChange> {
    const key = { ...this.#newValues(options), ...checkImported(options) }
    // Unlike a fresh key it may have been asked for before, and refused.
    return this.#confirmed(await this.#insert({ ...key, id: randomId() }))
  }

  /** @throws `KEY_NOT_FOUND`, `KEY_STORE_UNAVAILABLE` */
  async get(id: string, scope: KeyScope = {}): Promise<KeyDetails> {
    // A tenantId that is there but undefined is a caller's mistake, and must not open every tenant's keys.
    const tenantId = 'tenantId' in scope ? checkId('tenantId', scope.tenantId) : undefined
    const details = isId(id) ? await this.#find(id) : null
    if (!details || (tenantId !== undefined && details.tenantId !== tenantId)) throw keyNotFound()
    return details
  }

  /**
   * A tenant's keys, newest first, revoked and expired ones included. An unknown tenant has none.
   *
   * @throws `KEY_INVALID`, `KEY_STORE_UNAVAILABLE`
   */
  async list({ tenantId, limit, cursor }: ListKeysOptions): Promise<KeyPage> {
    checkId('tenantId', tenantId)
    const size = checkLimit(limit)
    const after = cursor === undefined ? undefined : decodeCursor(cursor)
    // One more than is shown tells whether there are more.
    const found = await this.access.read(
      (store) => store.listKeys({ tenantId, limit: size + 1, after }),
      (answer) => keyList(answer, tenantId),
    )
    const keys = found.slice(0, size)
    const last = keys.at(-1)
    return { keys, nextCursor: found.length > size && last ? encodeCursor(last) : null }
  }

  /**
   * Makes a key that takes over from another: same tenant, name, environment, scopes and metadata, and the same expiry
   * unless told otherwise. The old key stays valid, or ends by itself after the grace, never later than it would have.
   *
   * A key that ends soon, because its own time is up or because it was rotated before, hands that end on: say `expiresAt`.
   *
   * What could not be confirmed is answered as `confirmedBy: 'none'` rather than thrown: the new key must not be lost.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_INVALID`, `KEY_EXISTS` (this idempotency key was used before),
   *   `KEY_STORE_UNAVAILABLE`
   */
  async rotate(id: string, options: RotateKeyOptions = {}): Promise<RotatedKey> {
    const old = await this.get(id, options)
    const { createdBy = null, idempotencyKey, expiresAt = old.expiresAt } = options
    const newId = await this.#newId(old.tenantId, idempotencyKey)
    const now = new Date()
    if (options.expiresAt === undefined && old.expiresAt !== null && old.expiresAt <= now) throw hasExpired()
    const grace = checkGrace(options.grace)
    const retireAt = grace === undefined ? null : new Date(now.getTime() + grace)
    const values = {
      tenantId: old.tenantId,
      name: old.name,
      environment: checkEnvironment(old.environment, this.#settings.environments),
      scopes: old.scopes,
      metadata: old.metadata,
      expiresAt: checkExpiry(expiresAt),
      createdAt: now,
      createdBy: checkOptionalText('createdBy', createdBy),
    }
    const key = generateKey(this.#settings.prefix, values.environment)
    const { record, epoch } = await this.#insert(
      { ...values, id: newId, ...displayParts(key), hash: hashKey(key) },
      { id, expiresAt: retireAt },
    )
    const confirmation = await this.access.confirm(epoch).catch(() => unconfirmed(epoch, now))
    return { key, details: record, retired: retired(old, retireAt), ...confirmation }
  }

  /**
   * Changes a key's name, scopes, expiry or metadata.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_REVOKED`, `KEY_INVALID`, `KEY_STORE_UNAVAILABLE`
   */
  async update(id: string, options: UpdateKeyOptions, scope: KeyScope = {}): Promise<KeyChange> {
    const { name, scopes, expiresAt, metadata } = options
    const patch: KeyPatch = {
      ...(name !== undefined && { name: checkName(name) }),
      ...(scopes !== undefined && { scopes: checkScopes(scopes, this.#settings.scopes) }),
      ...(expiresAt !== undefined && { expiresAt: checkExpiry(expiresAt) }),
      ...(metadata !== undefined && { metadata: checkMetadata(metadata) }),
    }
    await this.get(id, scope)
    const written = await this.access.write(
      (store) => store.updateKey(id, patch),
      (record) => keyDetails(record, { id }),
      [null],
    )
    if (written === null) throw keyRevoked()
    return this.#confirmed(written)
  }

  /**
   * Ends a key for ever. When it has returned, no instance of the fleet accepts the key. Idempotent: revoking it again
   * keeps the first `revokedAt`, and confirms anew.
   *
   * @throws `KEY_NOT_FOUND`, `KEY_STORE_UNAVAILABLE`: then nothing is claimed, so revoke again until it returns
   */
  async revoke(id: string, scope: KeyScope = {}): Promise<KeyChange> {
    await this.get(id, scope)
    const written = await this.access.write(
      (store) => store.revokeKey(id, new Date()),
      (record) => {
        const details = keyDetails(record, { id })
        if (details.revokedAt === null) throw new Error('a key that was revoked must have a revokedAt')
        return details
      },
      [null],
    )
    if (written === null) throw keyNotFound()
    return this.#confirmed(written)
  }

  /**
   * A random id, or the one that this tenant's idempotency key always leads to.
   *
   * A repeated call is told so before anything else is looked at: what was right the first time, an expiry in the future
   * or an old key that had not ended yet, may be wrong by now, and the caller would never learn of the key it has made.
   *
   * @throws `KEY_EXISTS`
   */
  async #newId(tenantId: string, idempotencyKey: string | undefined): Promise<string> {
    if (idempotencyKey === undefined) return randomId()
    const id = repeatableId(tenantId, idempotencyKey)
    if (await this.#find(id)) throw insertRefused('id-taken', id)
    return id
  }

  #find(id: string): Promise<KeyDetails | null> {
    return this.access.read(
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
    expiresAt = null,
    createdBy = null,
  }: CreateKeyOptions) {
    return {
      tenantId: checkId('tenantId', tenantId),
      name: checkName(name),
      environment: checkEnvironment(environment, this.#settings.environments),
      scopes: checkScopes(scopes, this.#settings.scopes),
      metadata: checkMetadata(metadata),
      expiresAt: checkExpiry(expiresAt),
      createdAt: new Date(),
      createdBy: checkOptionalText('createdBy', createdBy),
    }
  }

  async #insert(key: NewKey, retire?: { id: string; expiresAt: Date | null }): Promise<Written<KeyDetails>> {
    const { id, tenantId } = key
    const written = await this.access.write(
      (store) => store.insertKey(key, retire),
      (record) => keyDetails(record, { id, tenantId }),
      INSERT_REFUSALS,
    )
    if (typeof written === 'string') throw insertRefused(written, id)
    return written
  }

  async #confirmed({ record, epoch }: Written<KeyDetails>): Promise<KeyChange> {
    return { details: record, ...(await this.access.confirm(epoch)) }
  }
}

function retired(old: KeyDetails, retireAt: Date | null): KeyDetails {
  const ends = retireAt !== null && (old.expiresAt === null || retireAt < old.expiresAt)
  return ends ? { ...old, expiresAt: retireAt } : old
}

function unconfirmed(epoch: number, since: Date): Confirmation {
  return { epoch, confirmedBy: 'none', instances: 0, waitedMs: Date.now() - since.getTime() }
}
