/**
 * Keys in the memory of this process: for tests, for development, and for a service that is one process and creates its
 * keys when it starts. Nothing survives a restart, and nothing is shared between processes.
 */
import { callback, readOptions } from '../lib/options.ts'
import { endsBefore, hasEnded, keyFits, pageOf, tenantFits } from './key-filter.ts'
import type { CoherentKeyStore, Confirmation, LocalCoherence } from './coherent-key-store.ts'
import type { KeyHash, StoredKey } from './key-store.ts'
import type {
  InsertRefusal,
  KeyDetails,
  KeyFilter,
  KeyPatch,
  NewKey,
  Page,
  TenantDetails,
  TenantFilter,
  TenantPatch,
  WritableKeyStore,
  Written,
} from './writable-key-store.ts'

interface TenantRow {
  details: TenantDetails
  keys: KeyRow[]
}

interface KeyRow {
  details: KeyDetails
  hash: string
  tenant: TenantRow
  /** The epoch of the key's last change. */
  epoch: number
}

/**
 * A store with all capabilities, in memory.
 *
 * Each method does its whole work before it returns its promise, so no two writes interleave. Every record that goes in
 * or out is a copy: changing one does not change the store.
 *
 * ```ts
 * const keyStore = new MemoryKeyStore()
 * const keys = new KeyManager(keyStore)
 * const { tenant } = await keys.createTenant({ name: 'Acme' })
 * const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'live' })
 * ```
 */
export class MemoryKeyStore implements WritableKeyStore, CoherentKeyStore {
  readonly keyHash: KeyHash | undefined
  readonly #tenants = new Map<string, TenantRow>()
  readonly #keys = new Map<string, KeyRow>()
  readonly #byHash = new Map<string, KeyRow>()
  readonly #listeners = new Set<(hashes: readonly string[]) => void>()
  #epoch = 0

  /** @throws `TENANT_AUTH_BAD_OPTION` */
  constructor(options: { keyHash?: KeyHash | undefined } = {}) {
    this.keyHash = readOptions('MemoryKeyStore', { keyHash: callback<KeyHash>() }, options).keyHash
  }

  readonly coherence: LocalCoherence = {
    kind: 'local',
    subscribe: (listener) => {
      this.#listeners.add(listener)
      return () => {
        this.#listeners.delete(listener)
      }
    },
    // Every cache learned of the write before the write returned its promise.
    confirm: ({ epoch }): Promise<Confirmation> =>
      Promise.resolve({ epoch, confirmedBy: 'all', instances: 1, waitedMs: 0 }),
  }

  async findByHash(hash: string): Promise<StoredKey | null> {
    const row = this.#byHash.get(hash)
    if (row === undefined) return null
    const { id, name, metadata, suspendedAt } = row.tenant.details
    return structuredClone({
      ...row.details,
      tenant: { id, name, metadata, suspended: suspendedAt !== null },
    })
  }

  async insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null> {
    if (this.#tenants.has(tenant.id)) return null
    this.#tenants.set(tenant.id, { details: structuredClone(tenant), keys: [] })
    return { record: structuredClone(tenant), epoch: this.#changed([]) }
  }

  async findTenant(id: string): Promise<TenantDetails | null> {
    return structuredClone(this.#tenants.get(id)?.details ?? null)
  }

  async listTenants({ search, ...page }: TenantFilter & Page): Promise<TenantDetails[]> {
    const tenants = [...this.#tenants.values()].map((row) => row.details)
    return structuredClone(
      pageOf(
        tenants.filter((tenant) => tenantFits(tenant, { search })),
        page,
      ),
    )
  }

  async updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null> {
    const row = this.#tenants.get(id)
    if (row === undefined) return null
    row.details = { ...row.details, ...structuredClone(patch) }
    return { record: structuredClone(row.details), epoch: this.#changed(row.keys) }
  }

  async deleteTenant(id: string): Promise<Written<TenantDetails> | 'has-keys' | null> {
    const row = this.#tenants.get(id)
    if (row === undefined) return null
    if (row.keys.length > 0) return 'has-keys'
    this.#tenants.delete(id)
    return { record: row.details, epoch: this.#changed([]) }
  }

  async insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
  ): Promise<Written<KeyDetails> | InsertRefusal> {
    const tenant = this.#tenants.get(key.tenantId)
    if (tenant === undefined) return 'no-such-tenant'
    if (this.#keys.has(key.id)) return 'id-taken'
    if (this.#byHash.has(key.hash)) return 'hash-taken'
    const retired = retire && this.#keys.get(retire.id)
    const isRetirable = retired?.details.revokedAt === null && retired.details.pausedAt === null
    if (retire && (retired?.tenant !== tenant || !isRetirable)) return 'not-retirable'

    const { hash, ...details } = structuredClone(key)
    const row: KeyRow = {
      details: { networks: null, ...details, revokedAt: null, pausedAt: null, lastUsedAt: null },
      hash,
      tenant,
      epoch: 0,
    }
    tenant.keys.push(row)
    this.#keys.set(key.id, row)
    this.#byHash.set(hash, row)
    if (retire && retired) {
      retired.details = {
        ...retired.details,
        expiresAt: earlier(retired.details.expiresAt, retire.expiresAt),
      }
    }
    return { record: structuredClone(row.details), epoch: this.#changed(retired ? [row, retired] : [row]) }
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    return structuredClone(this.#keys.get(id)?.details ?? null)
  }

  async listKeys({ limit, after, ...filter }: KeyFilter & Page): Promise<KeyDetails[]> {
    const { tenantId } = filter
    const rows = tenantId === undefined ? [...this.#keys.values()] : (this.#tenants.get(tenantId)?.keys ?? [])
    const keys = rows.map((row) => row.details).filter((key) => keyFits(key, filter))
    return structuredClone(pageOf(keys, { limit, after }))
  }

  async updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null> {
    const row = this.#keys.get(id)
    if (row === undefined || hasEnded(row.details)) return null
    row.details = { ...row.details, ...structuredClone(patch) }
    return { record: structuredClone(row.details), epoch: this.#changed([row]) }
  }

  async revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null> {
    const row = this.#keys.get(id)
    if (row === undefined) return null
    if (row.details.revokedAt === null) {
      row.details = { ...row.details, revokedAt: new Date(at) }
      this.#changed([row])
    }
    return { record: structuredClone(row.details), epoch: row.epoch }
  }

  async deleteKeys(ids: readonly string[], endedBefore: Date): Promise<number> {
    const rows = ids
      .flatMap((id) => this.#keys.get(id) ?? [])
      .filter(({ details }) => hasEnded(details) && endsBefore(details, endedBefore))
    for (const row of rows) {
      this.#keys.delete(row.details.id)
      this.#byHash.delete(row.hash)
      row.tenant.keys.splice(row.tenant.keys.indexOf(row), 1)
    }
    return rows.length
  }

  async recordUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    for (const [id, usedAt] of uses) {
      const row = this.#keys.get(id)
      if (row === undefined || (row.details.lastUsedAt ?? -Infinity) >= usedAt) continue
      row.details = { ...row.details, lastUsedAt: new Date(usedAt) }
    }
  }

  /** Raises the epoch and tells the caches, synchronously with the write. */
  #changed(rows: readonly KeyRow[]): number {
    this.#epoch += 1
    for (const row of rows) row.epoch = this.#epoch
    const hashes = rows.map((row) => row.hash)
    if (hashes.length > 0) for (const listener of this.#listeners) listener(hashes)
    return this.#epoch
  }
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return b === null ? a : new Date(b)
  return new Date(Math.min(a.getTime(), b.getTime()))
}
