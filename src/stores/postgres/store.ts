/** Keys in PostgreSQL, for a service with any number of instances. */
import { TenantAuthError } from '../../http/errors.ts'
import { callback, readOptions, required, type SpecificationOf, whole } from '../../lib/options.ts'
import type { CoherentKeyStore, FleetCoherence } from '../coherent-key-store.ts'
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
import type { FleetReach, Position } from '../../coherence/driver.ts'
import { Fleet } from '../../coherence/fleet.ts'
import { FLEET_TIMES } from '../../coherence/fleet-times.ts'
import { again, isAlreadyThere, isCollision } from './again.ts'
import { Borrower, type Statement } from './borrow.ts'
import { parsed, PostgresDriver } from './driver.ts'
import { isRowError } from './errors.ts'
import { failure, refusalOf } from './failures.ts'
import type { PostgresPool } from './pool.ts'
import {
  json,
  type LookupRow,
  type Row,
  time,
  toKeyDetails,
  toStoredKey,
  toTenantDetails,
} from './records.ts'
import { checkSchema, DEFAULT_SCHEMA, migrationSql } from './schema.ts'
import { type Statements, statementsFor } from './statements.ts'

/** The options of `PostgresKeyStore`. */
export interface PostgresKeyStoreOptions {
  /**
   * A `pg` Pool on the primary. Heartbeats keep one connection of it, so its `max` must be at least 2 if `tenantAuth`
   * caches keys. Set its `connectionTimeoutMillis`. Anything else that can `query` works as well, such as PGlite. The
   * store never ends it.
   */
  pool: PostgresPool
  /** Schema of the tables. Letters, digits, `_` and `-`. Default: `tenant_auth`. */
  schema?: string
  /**
   * Milliseconds for which an instance may serve from its cache after it has heard from the database. A revocation waits
   * about 1.2 times as long for an instance that does not respond. 100 to 600000. Default: 2000.
   */
  lease?: number
  /** Milliseconds between heartbeats. 10 to half of the lease. Default: 500. */
  heartbeat?: number
  /** Milliseconds that administration (everything but look-ups) waits for a statement. Default: 10000. */
  timeout?: number
  /** How a key becomes its hash. Default: SHA-256. */
  keyHash?: KeyHash
}

const SPECIFICATION = {
  pool: required<PostgresPool>(
    'a pool of pg, or anything else that can query like one',
    (value) => typeof (value as Partial<PostgresPool> | null | undefined)?.query === 'function',
  ),
  schema: (value: unknown = DEFAULT_SCHEMA) => checkSchema(value),
  ...FLEET_TIMES,
  timeout: whole({ fallback: 10_000 }),
  keyHash: callback<KeyHash>(),
} satisfies SpecificationOf<PostgresKeyStoreOptions>

interface WrittenRow<Record> {
  record: Row<Record>
  mark: { epoch: number; history: string; reach: FleetReach; quiet: boolean }
}

interface FoundKeys extends Position {
  /** Hashes and their keys, in any order. Without those that do not exist. */
  keys: [string, LookupRow][]
}

/**
 * A store with all capabilities, on its own tables.
 *
 * ```ts
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 2_000 })
 * const keyStore = new PostgresKeyStore({ pool })
 * await keyStore.migrate()
 * ```
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export class PostgresKeyStore implements WritableKeyStore, CoherentKeyStore {
  readonly coherence: FleetCoherence
  readonly keyHash: KeyHash | undefined
  readonly #fleet: Fleet
  readonly #driver: PostgresDriver
  readonly #borrower: Borrower
  readonly #lookups: LookupBatches
  readonly #schema: string
  readonly #statements: Statements
  readonly #timeout: number

  constructor(options: PostgresKeyStoreOptions) {
    const checked = readOptions('PostgresKeyStore', SPECIFICATION, options)
    const { pool, schema, lease, heartbeat, timeout } = checked
    this.keyHash = checked.keyHash
    this.#schema = schema
    this.#timeout = timeout
    this.#statements = statementsFor(schema, timeout)
    this.#borrower = new Borrower(pool, (words) => this.#fleet.spoilt(words))
    this.#lookups = new LookupBatches({
      ask: (hashes, signal) => this.#findByHashes(hashes, signal),
      isOfOne: isRowError,
      toFailure: (error) => failure(error, schema),
    })
    const statements = this.#statements
    this.#driver = new PostgresDriver({ pool, schema, statements, borrower: this.#borrower })
    this.#fleet = new Fleet({ driver: this.#driver, lease, heartbeat })
    this.coherence = this.#fleet
  }

  /**
   * Creates the tables, or brings them up to date. Idempotent, and several instances may call it at the same moment.
   * `migrationSql` returns the same as plain SQL, for a migration tool.
   */
  async migrate(): Promise<void> {
    const sql = migrationSql(this.#schema)
    // Under any isolation but READ COMMITTED, a statement does not see what was created while it waited.
    await again(isAlreadyThere, () => this.#run({ text: sql, values: [], writes: true }))
  }

  findByHash(hash: string, { signal }: FindOptions): Promise<StoredKey | null> {
    return this.#lookups.find(hash, signal)
  }

  async #findByHashes(hashes: readonly string[], signal: AbortSignal): Promise<Found> {
    const before = this.#fleet.position
    let found: FoundKeys | undefined
    const judge = async (rows: readonly object[]) => {
      found = parsed<FoundKeys>(rows)[0]
      if (found === undefined) throw new Error('the row of coherence is missing')
      if (await this.#fleet.isPresent(found, before)) return undefined
      return 'a connection answered from an earlier state: it leads to a server that was replaced, or to an old snapshot'
    }
    const statement = { text: this.#statements.findByHashes, values: [hashes.join()], judge }
    await this.#borrower.run(statement, signal)
    const keys = new Map(found?.keys)
    return (hash) => {
      const key = keys.get(hash)
      return key === undefined ? null : toStoredKey(key)
    }
  }

  async insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null> {
    const { id, name, metadata, createdAt, suspendedAt } = tenant
    const values = [id, name, json(metadata), time(createdAt), time(suspendedAt)]
    return this.#write(this.#statements.insertTenant, values, toTenantDetails, () => this.findTenant(id))
  }

  async findTenant(id: string): Promise<TenantDetails | null> {
    const [row] = await this.#read<Row<TenantDetails>>(this.#statements.findTenant, [id])
    return row === undefined ? null : toTenantDetails(row)
  }

  async listTenants({ search, limit, after }: TenantFilter & Page): Promise<TenantDetails[]> {
    const values = [search ?? null, limit, time(after?.createdAt), after?.id ?? null]
    return (await this.#read<Row<TenantDetails>>(this.#statements.listTenants, values)).map(toTenantDetails)
  }

  async updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null> {
    const { name, metadata, suspendedAt } = patch
    const values = [id, name ?? null, json(metadata), suspendedAt !== undefined, time(suspendedAt)]
    return this.#write(this.#statements.updateTenant, values, toTenantDetails)
  }

  async deleteTenant(id: string): Promise<Written<TenantDetails> | 'has-keys' | null> {
    // What proves the commit is that the tenant is gone.
    const gone = async () => ((await this.findTenant(id)) === null ? {} : null)
    const written = await this.#write(this.#statements.deleteTenant, [id], toTenantDetails, gone)
    return written ?? ((await this.findTenant(id)) && 'has-keys')
  }

  async insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
    fresh = false,
  ): Promise<Written<KeyDetails> | InsertRefusal> {
    const { id, tenantId, hash, name, environment, scopes, metadata, start, last4 } = key
    const { createdAt, createdBy, expiresAt } = key
    const values = [id, tenantId, hash, name, environment, scopes, json(metadata), start, last4]
    values.push(time(createdAt), createdBy, time(expiresAt), key.networks ?? null)
    if (retire !== undefined) values.push(retire.id, time(retire.expiresAt))
    const { insertKey, insertFreshKey, replaceKey } = this.#statements
    const text = retire !== undefined ? replaceKey : fresh ? insertFreshKey : insertKey
    try {
      const written = await this.#write(text, values, toKeyDetails, () => this.findKey(id))
      return written ?? 'not-retirable'
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === undefined) throw error
      return refusal
    }
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    const [row] = await this.#read<Row<KeyDetails>>(this.#statements.findKey, [id])
    return row === undefined ? null : toKeyDetails(row)
  }

  async listKeys({ limit, after, ...filter }: KeyFilter & Page): Promise<KeyDetails[]> {
    const {
      tenantId = null,
      status = null,
      environment = null,
      name = null,
      unusedSince,
      endsBefore,
    } = filter
    const values = [tenantId, limit, time(after?.createdAt), after?.id ?? null, status, environment, name]
    values.push(time(unusedSince), time(endsBefore))
    return (await this.#read<Row<KeyDetails>>(this.#statements.listKeys, values)).map(toKeyDetails)
  }

  async updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null> {
    const { name, scopes, expiresAt, pausedAt, networks, metadata } = patch
    const values: unknown[] = [id, name ?? null, scopes ?? null, json(metadata)]
    values.push(expiresAt !== undefined, time(expiresAt), pausedAt !== undefined, time(pausedAt))
    values.push(networks !== undefined, networks ?? null)
    return this.#write(this.#statements.updateKey, values, toKeyDetails)
  }

  async revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null> {
    return this.#write(this.#statements.revokeKey, [id, time(at)], toKeyDetails)
  }

  async deleteKeys(ids: readonly string[], endedBefore: Date): Promise<number> {
    const statement = { text: this.#statements.deleteKeys, values: [ids, time(endedBefore)], writes: true }
    const { rows } = await again(isCollision, () => this.#run(statement))
    return parsed<number>(rows)[0] ?? 0
  }

  async recordUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    const values = [[...uses.keys()], [...uses.values()].map(time)]
    await this.#run({ text: this.#statements.recordUse, values, writes: true })
  }

  /** @param find reads what was written, for a write that raises no epoch */
  async #write<Record>(
    text: string,
    values: unknown[],
    toRecord: (row: Row<Record>) => Record,
    find?: () => Promise<object | null>,
  ): Promise<Written<Record> | null> {
    const { rows, alone } = await again(isCollision, () => this.#run({ text, values, writes: true }))
    const [row] = parsed<WrittenRow<Record>>(rows)
    if (row === undefined) return null
    const { record, mark } = row
    const { epoch, history, reach, quiet } = mark
    if (!alone) await this.#checkCommitted({ epoch, history }, find)
    this.#fleet.wrote(epoch)
    this.#driver.wrote(epoch, quiet)
    return { record: toRecord(record), epoch, history, reach }
  }

  /**
   * For clients that do not report whether a statement was alone in its transaction. A write is committed if a snapshot
   * sees it from a transaction that has written nothing.
   */
  async #checkCommitted(
    write: { epoch: number; history: string },
    find = () => Promise.resolve<object | null>({}),
  ) {
    const signal = AbortSignal.timeout(this.#timeout)
    const { position } = await this.#driver.readFleet(write.epoch, signal)
    const isSeen = position.history === write.history && position.epoch >= write.epoch
    if (isSeen && (await find()) !== null) return
    throw new TenantAuthError('KEY_STORE_UNAVAILABLE', NOT_COMMITTED)
  }

  async #read<Answer>(text: string, values: unknown[]): Promise<Answer[]> {
    return parsed<Answer>((await this.#run({ text, values })).rows)
  }

  async #run(statement: Statement, signal: AbortSignal = AbortSignal.timeout(this.#timeout)) {
    try {
      return await this.#borrower.run(statement, signal)
    } catch (error) {
      throw failure(error, this.#schema, statement.writes)
    }
  }
}

const NOT_COMMITTED =
  'The write ran inside a transaction that was left open on its connection: it takes effect when that is committed, if it ever is'
