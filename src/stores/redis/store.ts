/** Keys in Redis, for a service with any number of instances. */
import type { WriteMark } from '../../coherence/driver.ts'
import { Fleet } from '../../coherence/fleet.ts'
import { FLEET_TIMES } from '../../coherence/fleet-times.ts'
import { TenantAuthError } from '../../http/errors.ts'
import { callback, readOptions, required, type SpecificationOf, withDefault } from '../../lib/options.ts'
import type { CoherentKeyStore, FleetCoherence } from '../coherent-key-store.ts'
import { keyFits, pageOf, tenantFits } from '../key-filter.ts'
import type { FindOptions, KeyHash, StoredKey } from '../key-store.ts'
import { type Found, LookupBatches } from '../lookup-batches.ts'
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
} from '../writable-key-store.ts'
import { type RedisClient, sourceOf } from './client.ts'
import { Commands } from './commands.ts'
import { RedisDriver } from './driver.ts'
import {
  DELETE_KEYS,
  DELETE_TENANT,
  FIND_BY_HASHES,
  FIND_KEY,
  FIND_TENANT,
  INSERT_KEY,
  INSERT_TENANT,
  LIST_KEYS,
  RECORD_USE,
  REVOKE_KEY,
  UPDATE_KEY,
  UPDATE_TENANT,
  WALK_KEYS,
  WALK_TENANTS,
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
import { isRecordError, type Script, ScriptRunner } from './script.ts'

/** The options of `RedisKeyStore`. */
export interface RedisKeyStoreOptions {
  /**
   * A client of node-redis 5 or 6 made with `disableOfflineQueue: true`, or of ioredis 5 or 6 made with
   * `enableOfflineQueue: false` and `maxRetriesPerRequest: 0`. It stays yours: connect it, and close it at the end. The
   * store opens its own connections with the client's settings, and sends nothing through the client.
   */
  client: RedisClient
  /** The start of all key names in Redis, as `{prefix}:`. 1 to 200 characters, no braces. Default: `tenant-auth`. */
  prefix?: string
  /**
   * Milliseconds for which an instance may serve from its cache after it has heard from Redis. A revocation waits about
   * 1.2 times as long for an instance that does not respond. 100 to 600000. Default: 2000.
   */
  lease?: number
  /** Milliseconds between heartbeats. 10 to half of the lease. Default: 500. */
  heartbeat?: number
  /** How a key becomes its hash. Default: SHA-256. */
  keyHash?: KeyHash
}

const SPECIFICATION = {
  client: (value: unknown) => sourceOf(value as RedisClient),
  prefix: withDefault(
    required<string>(
      'a string of 1 to 200 characters without braces',
      (value) => typeof value === 'string' && /^[^{}]{1,200}$/.test(value),
    ),
    'tenant-auth',
  ),
  ...FLEET_TIMES,
  keyHash: callback<KeyHash>(),
} satisfies SpecificationOf<RedisKeyStoreOptions>
/** How many keys one step looks at when a list has a filter. */
const STEP = 500

/** How many uses one script records, because the server does nothing else meanwhile. */
const USES_AT_ONCE = 1_000

/**
 * A store with all capabilities, under names in Redis that begin with `prefix`.
 *
 * ```ts
 * const client = createClient({ url: process.env.REDIS_URL, disableOfflineQueue: true })
 * client.on('error', (error) => log.error(error))
 * await client.connect()
 * const keyStore = new RedisKeyStore({ client })
 * ```
 */
export class RedisKeyStore implements WritableKeyStore, CoherentKeyStore {
  readonly coherence: FleetCoherence
  readonly keyHash: KeyHash | undefined
  readonly #fleet: Fleet
  readonly #runner: ScriptRunner
  readonly #lookups: LookupBatches

  /** @throws `TENANT_AUTH_BAD_OPTION`, naming the option and what it takes */
  constructor(options: RedisKeyStoreOptions) {
    const {
      client: source,
      prefix,
      lease,
      heartbeat,
      keyHash,
    } = readOptions('RedisKeyStore', SPECIFICATION, options)
    this.keyHash = keyHash
    const newRunner = () => {
      const commands = new Commands(source, (words) => {
        driver.onWrongServer()
        this.#fleet.spoilt(`a connection led to a Redis server that refuses to serve: ${words}`)
      })
      return new ScriptRunner({ commands, prefix })
    }
    this.#runner = newRunner()
    this.#lookups = new LookupBatches({
      ask: (hashes, signal) => this.#findByHashes(hashes, signal),
      isOfOne: isRecordError,
    })
    const times = { lease, heartbeat }
    const driver = new RedisDriver({ source, runner: this.#runner, heartbeats: newRunner(), prefix, times })
    this.#fleet = new Fleet({ driver, lease, heartbeat })
    this.coherence = this.#fleet
  }

  findByHash(hash: string, { signal }: FindOptions): Promise<StoredKey | null> {
    return this.#lookups.find(hash, signal)
  }

  async #findByHashes(hashes: readonly string[], signal: AbortSignal): Promise<Found> {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const before = this.#fleet.position
      const { tag, values } = await this.#runner.run(FIND_BY_HASHES, hashes, signal)
      const [epoch, index, ...texts] = values as [string, string, ...string[]]
      if (await this.#fleet.isPresent({ history: tag, epoch: Number(epoch) }, before)) {
        const found = new Map(hashes.map((hash, i) => [hash, texts[i] as string]))
        return (hash) => {
          const key = found.get(hash) as string
          if (key === '' && index === LOST) throw lost('the index of keys')
          return key === '' ? null : storedKeyOf(key)
        }
      }
      this.#fleet.spoilt(EARLIER)
      this.#runner.hangUp()
    }
    throw new Error(EARLIER)
  }

  async insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null> {
    return this.#writeTenant(INSERT_TENANT, tenant.id, tenantColumns(tenant))
  }

  async findTenant(id: string): Promise<TenantDetails | null> {
    const [tenant] = await this.#values(FIND_TENANT, [id])
    return tenantDetailsOf(id, tenant)
  }

  async listTenants({ search, ...page }: TenantFilter & Page): Promise<TenantDetails[]> {
    return this.#walk(WALK_TENANTS, page, ([id, tenant]) => {
      const details = tenantDetailsOf(id, tenant)
      return details !== null && tenantFits(details, { search }) ? details : null
    })
  }

  async updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null> {
    return this.#writeTenant(UPDATE_TENANT, id, tenantPatchColumns(patch))
  }

  async deleteTenant(id: string): Promise<Written<TenantDetails> | 'has-keys' | null> {
    const { tag, values } = await this.#run(DELETE_TENANT, [id])
    if (values[0] === 'has-keys') return 'has-keys'
    return values.length === 0 ? null : this.#written(tag, values, (tenant) => tenantDetailsOf(id, tenant))
  }

  async insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
    fresh = false,
  ): Promise<Written<KeyDetails> | InsertRefusal> {
    const retiring =
      retire === undefined ? ['', ''] : [retire.id, String(retire.expiresAt?.getTime() ?? null)]
    const place = placeOf(key.createdAt)
    const args = [
      key.id,
      key.hash,
      key.tenantId,
      place,
      fresh ? 'fresh' : '',
      ...retiring,
      ...keyColumns(key),
    ]
    const { tag, values } = await this.#run(INSERT_KEY, args)
    if (values.length === 1) return values[0] as InsertRefusal
    return this.#written(tag, values, (inserted, lastUse) => keyDetailsOf(key.id, inserted, lastUse))
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    const [key, lastUse] = await this.#values(FIND_KEY, [id])
    return keyDetailsOf(id, key, lastUse)
  }

  async listKeys({ limit, after, ...filter }: KeyFilter & Page): Promise<KeyDetails[]> {
    const { tenantId, ...rest } = filter
    if (tenantId === undefined) {
      return this.#walk(WALK_KEYS, { limit, after }, ([id, key, lastUse]) => {
        const details = keyDetailsOf(id, key, lastUse)
        return details !== null && keyFits(details, filter) ? details : null
      })
    }
    const step = Object.values(rest).every((value) => value === undefined) ? limit : Math.max(limit, STEP)
    const found: KeyDetails[] = []
    for (let place = after; ;) {
      const from = place === undefined ? '+' : `(${placeOf(place.createdAt)}${place.id}`
      const [answer] = await this.#values(LIST_KEYS, [tenantId, from, String(step)])
      const keys = (answer as Listed[]).map(([id, key, lastUse]) => present(keyDetailsOf(id, key, lastUse)))
      found.push(...keys.filter((key) => keyFits(key, rest)))
      if (found.length >= limit || keys.length < step) return found.slice(0, limit)
      place = keys.at(-1)
    }
  }

  async updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null> {
    return this.#writeKey(UPDATE_KEY, id, keyPatchColumns(patch))
  }

  async revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null> {
    return this.#writeKey(REVOKE_KEY, id, [String(at.getTime())])
  }

  async deleteKeys(ids: readonly string[], endedBefore: Date): Promise<number> {
    const [deleted] = await this.#values(DELETE_KEYS, [String(endedBefore.getTime()), ...ids])
    return Number(deleted)
  }

  async recordUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    const list = [...uses].map(([id, at]) => [id, String(at.getTime())])
    for (let i = 0; i < list.length; i += USES_AT_ONCE) {
      await this.#run(RECORD_USE, list.slice(i, i + USES_AT_ONCE).flat())
    }
  }

  /**
   * Looks at every record, in short steps, so that the server can do what others request in between. There is no index
   * across tenants, because version 0.1.0 would not maintain it.
   */
  async #walk<Record extends { id: string; createdAt: Date }>(
    script: Script,
    page: Page,
    toRecord: (row: Listed) => Record | null,
  ): Promise<Record[]> {
    let found = new Map<string, Record>()
    let cursor = '0'
    do {
      const [next, rows] = (await this.#values(script, [cursor])) as [string, Listed[]]
      for (const row of rows) {
        const record = toRecord(row)
        if (record !== null) found.set(record.id, record)
      }
      const best = pageOf([...found.values()], page)
      found = new Map(best.map((record) => [record.id, record]))
      cursor = next
    } while (cursor !== '0')
    return [...found.values()]
  }

  async #writeTenant(script: Script, id: string, columns: string[]): Promise<Written<TenantDetails> | null> {
    const { tag, values } = await this.#run(script, [id, ...columns])
    return values.length === 0 ? null : this.#written(tag, values, (tenant) => tenantDetailsOf(id, tenant))
  }

  async #writeKey(script: Script, id: string, args: string[]): Promise<Written<KeyDetails> | null> {
    const { tag, values } = await this.#run(script, [id, ...args])
    if (values.length === 0) return null
    return this.#written(tag, values, (key, lastUse) => keyDetailsOf(id, key, lastUse))
  }

  #written<Record>(
    history: string,
    [reply, holds, instances, ...rest]: readonly unknown[],
    toRecord: (row: unknown, lastUse: unknown) => Record | null,
  ): Written<Record> {
    const epoch = Number(reply)
    const mark: WriteMark = { epoch, history }
    if (holds !== '') {
      mark.reach = { holds: Number(holds), instances: Number(instances) }
      this.#fleet.wrote(epoch)
    }
    return { ...mark, record: present(toRecord(rest[0], rest[1])) }
  }

  async #values(script: Script, args: readonly string[]): Promise<readonly unknown[]> {
    return (await this.#run(script, args)).values
  }

  async #run(script: Script, args: readonly string[]) {
    const reply = await this.#runner.run(script, args)
    if (reply.values.length === 1 && reply.values[0] === LOST) throw lost('a record or an index')
    return reply
  }
}

/** Id, columns, and for a key its last use. */
type Listed = [id: string, row: unknown, lastUse: unknown]

/** What scripts return if something is gone that must be there. */
const LOST = 'lost'

const EARLIER = 'a connection answered from an earlier state: it leads to a Redis server that was replaced'

function lost(what: string): TenantAuthError {
  const message = `Nothing was done, because Redis has lost ${what}: restore it from a backup`
  return new TenantAuthError('KEY_STORE_UNAVAILABLE', message, { effect: 'none' })
}

/** An index names the record, so it is there, unless the server evicts keys or someone has deleted it. */
function present<Record>(record: Record | null): Record {
  if (record === null) throw new Error('Redis has lost the record of a key or tenant')
  return record
}
