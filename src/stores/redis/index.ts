/**
 * Keys in Redis 7 or later, or Valkey, with a cache in front that is coherent on the whole fleet.
 *
 * ```ts
 * import { createClient } from 'redis'
 * import { RedisKeyStore } from 'fastify-tenant-auth/stores/redis'
 *
 * const client = createClient({ url: process.env.REDIS_URL, disableOfflineQueue: true })
 * client.on('error', (error) => log.error(error))
 * await client.connect()
 * const keyStore = new RedisKeyStore({ client })
 * ```
 */
import { badOption } from '../../http/errors.ts'
import { refuseUnknown } from '../../lib/option-names.ts'
import { checkFleetTimes } from '../../coherence/fleet-times.ts'
import type { CoherentKeyStore } from '../coherent-key-store.ts'
import type { FindOptions, StoredKey } from '../key-store.ts'
import type {
  InsertRefusal,
  KeyDetails,
  KeyPatch,
  ListOptions,
  NewKey,
  TenantDetails,
  TenantPatch,
  WritableKeyStore,
  Written,
} from '../writable-key-store.ts'
import { type RedisClient, sourceOf } from './client.ts'
import { Commands } from './commands.ts'
import { RedisFleet } from './fleet.ts'
import { HistoryWatch } from './history.ts'
import {
  FIND_BY_HASH,
  FIND_KEY,
  FIND_TENANT,
  INSERT_KEY,
  INSERT_TENANT,
  LIST_KEYS,
  RECORD_USE,
  REVOKE_KEY,
  UPDATE_KEY,
  UPDATE_TENANT,
} from './key-scripts.ts'
import {
  keyColumns,
  keyDetailsOf,
  keyPatchColumns,
  placeOf,
  storedKeyOf,
  tenantColumns,
  tenantDetailsOf,
  tenantPatchColumns,
} from './records.ts'
import { type Script, ScriptRunner } from './script.ts'

export type { RedisClient } from './client.ts'

export interface RedisKeyStoreOptions {
  /**
   * A client of node-redis 5 or 6 made with `disableOfflineQueue: true`, or of ioredis 5 or 6 made with
   * `enableOfflineQueue: false` and `maxRetriesPerRequest: 0`. It stays yours: connect it, and close it at the end.
   * Caches open connections of their own with its settings.
   */
  client: RedisClient
  /** What the names of all keys in Redis begin with, as `{prefix}:`. No braces. Default: `tenant-auth`. */
  prefix?: string
  /**
   * T: milliseconds for which an instance may serve from its cache after it has last heard from Redis. 100 to 600,000, the
   * same for the whole fleet. Default: 2,000.
   */
  lease?: number
  /** H: milliseconds between heartbeats, 10 to half of the lease. The same for the whole fleet. Default: 500. */
  heartbeat?: number
  /** How many changes are kept for instances that were away. One that missed more starts over. Default: 10,000. */
  history?: number
}

const OPTIONS: readonly (keyof RedisKeyStoreOptions)[] = ['client', 'prefix', 'lease', 'heartbeat', 'history']

/** How many uses are recorded at once: the server does nothing else meanwhile. */
const USES_AT_ONCE = 1_000

export class RedisKeyStore implements WritableKeyStore, CoherentKeyStore {
  readonly coherence: RedisFleet
  readonly #runner: ScriptRunner

  /** @throws `TENANT_AUTH_BAD_OPTION`, naming the option and what it takes */
  constructor(options: RedisKeyStoreOptions) {
    refuseUnknown('RedisKeyStore', options, OPTIONS)
    const { client, prefix = 'tenant-auth', lease = 2_000, heartbeat = 500, history = 10_000 } = options
    const source = sourceOf(client)
    if (typeof prefix !== 'string' || !/^[^{}]{1,200}$/.test(prefix)) {
      throw badOption('prefix', 'a string of 1 to 200 characters without braces')
    }
    checkFleetTimes({ lease, heartbeat })
    if (!Number.isSafeInteger(history) || history < 1) throw badOption('history', 'a whole number, 1 or more')

    const watch = new HistoryWatch(lease, () => performance.now())
    const commands = new Commands(source, () => this.coherence.onWrongServer())
    this.#runner = new ScriptRunner({ commands, prefix, history, onTag: (tag) => watch.saw(tag) })
    this.coherence = new RedisFleet({
      source,
      runner: this.#runner,
      history: watch,
      channel: `{${prefix}}:pushes`,
      lease,
      heartbeat,
    })
  }

  async findByHash(hash: string, { signal }: FindOptions): Promise<StoredKey | null> {
    const { tag, values } = await this.#runner.run(FIND_BY_HASH, [hash], signal)
    this.coherence.checkSameHistory(tag)
    const [id, key, tenant] = values
    return id === undefined ? null : storedKeyOf(id as string, key, tenant)
  }

  async insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null> {
    return this.#writeTenant(INSERT_TENANT, tenant.id, tenantColumns(tenant))
  }

  async findTenant(id: string): Promise<TenantDetails | null> {
    const { values } = await this.#runner.run(FIND_TENANT, [id])
    return tenantDetailsOf(id, values[0])
  }

  async updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null> {
    return this.#writeTenant(UPDATE_TENANT, id, tenantPatchColumns(patch))
  }

  async insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
  ): Promise<Written<KeyDetails> | InsertRefusal> {
    const expiry = String(retire?.expiresAt?.getTime() ?? null)
    const retiring = retire === undefined ? ['no', '', ''] : ['yes', retire.id, expiry]
    const place = placeOf(key.createdAt)
    const args = [key.id, key.hash, key.tenantId, place, ...retiring, ...keyColumns(key)]
    const { tag, values } = await this.#runner.run(INSERT_KEY, args)
    const [epoch, inserted, lastUse] = values
    if (values.length === 1) return epoch as InsertRefusal
    return this.#written(tag, epoch, keyDetailsOf(key.id, inserted, lastUse))
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    const { values } = await this.#runner.run(FIND_KEY, [id])
    return keyDetailsOf(id, values[0], values[1])
  }

  async listKeys({ tenantId, limit, after }: ListOptions): Promise<KeyDetails[]> {
    const from = after === undefined ? '+' : `(${placeOf(after.createdAt)}${after.id}`
    const { values } = await this.#runner.run(LIST_KEYS, [tenantId, from, String(limit)])
    const keys = values[0] as [string, unknown, unknown][]
    return keys.map(([id, key, lastUse]) => present(keyDetailsOf(id, key, lastUse)))
  }

  async updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null> {
    return this.#writeKey(UPDATE_KEY, id, keyPatchColumns(patch))
  }

  async revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null> {
    return this.#writeKey(REVOKE_KEY, id, [String(at.getTime())])
  }

  async recordUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    const list = [...uses].map(([id, at]) => [id, String(at.getTime())])
    for (let i = 0; i < list.length; i += USES_AT_ONCE) {
      await this.#runner.run(RECORD_USE, list.slice(i, i + USES_AT_ONCE).flat())
    }
  }

  async #writeTenant(script: Script, id: string, columns: string[]): Promise<Written<TenantDetails> | null> {
    const { tag, values } = await this.#runner.run(script, [id, ...columns])
    const [epoch, tenant] = values
    return values.length === 0 ? null : this.#written(tag, epoch, tenantDetailsOf(id, tenant))
  }

  async #writeKey(script: Script, id: string, args: string[]): Promise<Written<KeyDetails> | null> {
    const { tag, values } = await this.#runner.run(script, [id, ...args])
    const [epoch, key, lastUse] = values
    return values.length === 0 ? null : this.#written(tag, epoch, keyDetailsOf(id, key, lastUse))
  }

  #written<Record>(tag: string, reply: unknown, record: Record | null): Written<Record> {
    const epoch = Number(reply)
    this.coherence.wrote(epoch, tag)
    return { record: present(record), epoch }
  }
}

/** An index names the record, so it is there, unless the server evicts keys or somebody has deleted it. */
function present<Record>(record: Record | null): Record {
  if (record === null) throw new Error('Redis has lost the record of a key or tenant')
  return record
}
