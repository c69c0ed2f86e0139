/** Keys in PostgreSQL, for a service of any number of instances. */
import { badOption, TenantAuthError } from '../../http/errors.ts'
import { refuseUnknown } from '../../lib/option-names.ts'
import type { CoherentKeyStore, FleetCoherence } from '../coherent-key-store.ts'
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
import { PostgresCoherence } from './coherence.ts'
import { again, isAlreadyThere, isCollision } from './again.ts'
import { failure, refusalOf } from './failures.ts'
import { type PostgresPool, runOnce } from './pool.ts'
import type { Reach } from './rows.ts'
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

export interface PostgresKeyStoreOptions {
  /**
   * A `pg` Pool on the primary. Each `tenantAuth` keeps one connection to itself, so its `max` is 2 or more. Give it a
   * `connectionTimeoutMillis`. Anything else that can `query` works as well, PGlite for one. The store never ends it.
   */
  pool: PostgresPool
  /** Schema of the tables. Letters, digits, `_` and `-`. Default: `tenant_auth`. */
  schema?: string
  /**
   * Milliseconds for which an instance may serve from its cache after it has heard from the database, and so the longest
   * that a revocation may take. 100 to 600000, the same on all instances. Default: 2000.
   */
  lease?: number
  /** Milliseconds between heartbeats. 10 to half of the lease, the same on all instances. Default: 500. */
  heartbeat?: number
  /** Milliseconds that administration (everything but look-ups) waits for a statement. Default: 10000. */
  timeout?: number
}

const OPTIONS: readonly (keyof PostgresKeyStoreOptions)[] = [
  'pool',
  'schema',
  'lease',
  'heartbeat',
  'timeout',
]

interface WrittenRow<Record> {
  record: Row<Record>
  epoch: number
  reach: Reach
}

/**
 * A store with all capabilities, on tables of its own.
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
  readonly #coherence: PostgresCoherence
  readonly #pool: PostgresPool
  readonly #schema: string
  readonly #statements: Statements
  readonly #timeout: number

  constructor(options: PostgresKeyStoreOptions) {
    refuseUnknown('PostgresKeyStore', options, OPTIONS)
    const { pool, schema = DEFAULT_SCHEMA, lease = 2_000, heartbeat = 500, timeout = 10_000 } = options
    if (typeof (pool as Partial<PostgresPool> | undefined)?.query !== 'function') {
      throw badOption('pool', 'a pool of pg, or anything else that can query like one')
    }
    if (pool.connect !== undefined && (pool.options?.max ?? 2) < 2) {
      throw badOption('pool', 'a pool whose max is 2 or more: the heartbeat keeps one connection to itself')
    }
    checkSchema(schema)
    if (!Number.isInteger(timeout) || timeout < 1) {
      throw badOption('timeout', 'a whole number of milliseconds, at least 1')
    }
    this.#pool = pool
    this.#schema = schema
    this.#timeout = timeout
    this.#statements = statementsFor(schema, timeout)
    this.#coherence = new PostgresCoherence({ pool, schema, statements: this.#statements, lease, heartbeat })
    this.coherence = this.#coherence
  }

  /**
   * Creates the tables, or brings them up to date. Idempotent, and several instances may do it at the same moment.
   * `migrationSql` gives the same as plain SQL, for a migration tool.
   */
  async migrate(): Promise<void> {
    const sql = migrationSql(this.#schema)
    // Under any isolation but READ COMMITTED a statement does not see what the one that it has waited for has created.
    await again(isAlreadyThere, () => this.#run(sql, []))
  }

  async findByHash(hash: string, { signal }: FindOptions): Promise<StoredKey | null> {
    const [answer] = await this.#run<{ standby: boolean; key: LookupRow | null }>(
      this.#statements.findByHash,
      [hash],
      signal,
    )
    if (answer?.standby !== false) {
      throw new TenantAuthError(
        'KEY_STORE_UNAVAILABLE',
        'The pool leads to a standby, which may not know of a revocation yet: connect it to the primary',
      )
    }
    return answer.key && toStoredKey(answer.key)
  }

  async insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null> {
    const { id, name, metadata, createdAt, suspendedAt } = tenant
    const values = [id, name, json(metadata), time(createdAt), time(suspendedAt)]
    return this.#write(this.#statements.insertTenant, values, toTenantDetails)
  }

  async findTenant(id: string): Promise<TenantDetails | null> {
    const [row] = await this.#run<Row<TenantDetails>>(this.#statements.findTenant, [id])
    return row === undefined ? null : toTenantDetails(row)
  }

  async updateTenant(id: string, patch: TenantPatch): Promise<Written<TenantDetails> | null> {
    const { name, metadata, suspendedAt } = patch
    const values = [id, name ?? null, json(metadata), suspendedAt !== undefined, time(suspendedAt)]
    return this.#write(this.#statements.updateTenant, values, toTenantDetails)
  }

  async insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
  ): Promise<Written<KeyDetails> | InsertRefusal> {
    const { id, tenantId, hash, name, environment, scopes, metadata, start, last4 } = key
    const { createdAt, createdBy, expiresAt } = key
    const values = [id, tenantId, hash, name, environment, scopes, json(metadata), start, last4]
    values.push(time(createdAt), createdBy, time(expiresAt))
    if (retire !== undefined) values.push(retire.id, time(retire.expiresAt))
    const { insertKey, replaceKey } = this.#statements
    try {
      const written = await this.#write(retire === undefined ? insertKey : replaceKey, values, toKeyDetails)
      return written ?? 'not-retirable'
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === undefined) throw error
      return refusal
    }
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    const [row] = await this.#run<Row<KeyDetails>>(this.#statements.findKey, [id])
    return row === undefined ? null : toKeyDetails(row)
  }

  async listKeys({ tenantId, limit, after }: ListOptions): Promise<KeyDetails[]> {
    const values = [tenantId, limit, time(after?.createdAt), after?.id ?? null]
    return (await this.#run<Row<KeyDetails>>(this.#statements.listKeys, values)).map(toKeyDetails)
  }

  async updateKey(id: string, patch: KeyPatch): Promise<Written<KeyDetails> | null> {
    const { name, scopes, expiresAt, metadata } = patch
    const values = [
      id,
      name ?? null,
      scopes ?? null,
      json(metadata),
      expiresAt !== undefined,
      time(expiresAt),
    ]
    return this.#write(this.#statements.updateKey, values, toKeyDetails)
  }

  async revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null> {
    return this.#write(this.#statements.revokeKey, [id, time(at)], toKeyDetails)
  }

  async recordUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.#run(this.#statements.recordUse, [[...uses.keys()], [...uses.values()].map(time)])
  }

  async #write<Record>(
    text: string,
    values: unknown[],
    toRecord: (row: Row<Record>) => Record,
  ): Promise<Written<Record> | null> {
    const [row] = await again(isCollision, () => this.#run<WrittenRow<Record>>(text, values))
    if (row === undefined) return null
    this.#coherence.wrote(row.epoch, row.reach)
    return { record: toRecord(row.record), epoch: row.epoch }
  }

  async #run<Answer>(
    text: string,
    values: unknown[],
    signal: AbortSignal = AbortSignal.timeout(this.#timeout),
  ): Promise<Answer[]> {
    try {
      const rows = (await runOnce(this.#pool, text, values, signal)) as { row: string }[]
      return rows.map(({ row }) => JSON.parse(row) as Answer)
    } catch (error) {
      throw failure(error, this.#schema)
    }
  }
}
