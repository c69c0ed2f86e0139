/**
 * A whole store on SQLite: keys, administration and coherence, for a service that is one process. It takes a database of
 * `node:sqlite` (Node 22.13 and later) or of `better-sqlite3`.
 */
import type {
  CoherentKeyStore,
  InsertRefusal,
  KeyDetails,
  KeyPatch,
  ListOptions,
  LocalCoherence,
  NewKey,
  StoredKey,
  TenantDetails,
  TenantPatch,
  WritableKeyStore,
  Written,
} from 'fastify-tenant-auth'

type Value = string | number | null
type Row = Record<string, Value>

/** The part of both libraries that is used. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): {
    get(...values: Value[]): unknown
    all(...values: Value[]): unknown[]
    run(...values: Value[]): unknown
  }
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS tenants (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, metadata TEXT NOT NULL, created_at INTEGER NOT NULL, suspended_at INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, tenant_id TEXT NOT NULL REFERENCES tenants (id), name TEXT NOT NULL,
    environment TEXT NOT NULL, scopes TEXT NOT NULL, metadata TEXT NOT NULL, start TEXT NOT NULL, last4 TEXT NOT NULL,
    created_at INTEGER NOT NULL, created_by TEXT, expires_at INTEGER, revoked_at INTEGER, last_used_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS keys_of_tenant ON keys (tenant_id, created_at DESC, id DESC);
`
const LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)'

export class SqliteKeyStore implements WritableKeyStore, CoherentKeyStore {
  readonly #database: SqliteDatabase
  readonly #listeners = new Set<(hashes: readonly string[]) => void>()
  #epoch = 0

  constructor(database: SqliteDatabase) {
    this.#database = database
    database.exec(TABLES)
  }

  /** Every change happens in this process, so the caches can be told by a plain call. */
  readonly coherence: LocalCoherence = {
    kind: 'local',
    subscribe: (listener) => {
      this.#listeners.add(listener)
      return () => void this.#listeners.delete(listener)
    },
    confirm: async ({ epoch }) => ({ epoch, confirmedBy: 'all', instances: 1, waitedMs: 0 }),
  }

  async findByHash(hash: string): Promise<StoredKey | null> {
    const row = this.#get('SELECT * FROM keys WHERE hash = ?', hash)
    const tenant = row && (await this.findTenant(String(row.tenant_id)))
    if (!row || !tenant) return null
    const { id, name, environment, scopes, expiresAt, revokedAt, metadata } = toKey(row)
    const { suspendedAt } = tenant
    const owner = {
      id: tenant.id,
      name: tenant.name,
      metadata: tenant.metadata,
      suspended: suspendedAt !== null,
    }
    return { id, tenant: owner, name, environment, scopes, expiresAt, revokedAt, metadata }
  }

  async insertTenant(tenant: TenantDetails): Promise<Written<TenantDetails> | null> {
    const { id, name, metadata, createdAt, suspendedAt } = tenant
    const row = this.#get(
      'INSERT INTO tenants VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING *',
      id,
      name,
      JSON.stringify(metadata),
      createdAt.getTime(),
      time(suspendedAt) ?? null,
    )
    return row ? this.#written(toTenant(row), []) : null
  }

  async findTenant(id: string): Promise<TenantDetails | null> {
    const row = this.#get('SELECT * FROM tenants WHERE id = ?', id)
    return row ? toTenant(row) : null
  }

  async updateTenant(
    id: string,
    { name, metadata, suspendedAt }: TenantPatch,
  ): Promise<Written<TenantDetails> | null> {
    const row = this.#change('tenants', id, '?', [1], {
      name,
      metadata: metadata && JSON.stringify(metadata),
      suspended_at: time(suspendedAt),
    })
    if (!row) return null
    const keys = this.#database.prepare('SELECT hash FROM keys WHERE tenant_id = ?').all(id) as Row[]
    return this.#written(toTenant(row), keys)
  }

  async insertKey(
    key: NewKey,
    retire?: { id: string; expiresAt: Date | null },
  ): Promise<Written<KeyDetails> | InsertRefusal> {
    // Nothing is awaited in here, so nothing comes between these statements, and all of them are one transaction.
    return this.#transaction(() => {
      if (!this.#get('SELECT 1 FROM tenants WHERE id = ?', key.tenantId)) return 'no-such-tenant'
      if (this.#get('SELECT 1 FROM keys WHERE id = ?', key.id)) return 'id-taken'
      if (this.#get('SELECT 1 FROM keys WHERE hash = ?', key.hash)) return 'hash-taken'
      const retired =
        retire &&
        this.#get(
          `UPDATE keys SET expires_at = min(coalesce(expires_at, ?2), coalesce(?2, expires_at))
           WHERE id = ?1 AND tenant_id = ?3 AND revoked_at IS NULL RETURNING *`,
          retire.id,
          time(retire.expiresAt) ?? null,
          key.tenantId,
        )
      if (retire && !retired) return 'not-retirable'
      const { id, hash, tenantId, name, environment, start, last4, createdBy } = key
      const row = this.#get(
        'INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL) RETURNING *',
        id,
        hash,
        tenantId,
        name,
        environment,
        JSON.stringify(key.scopes),
        JSON.stringify(key.metadata),
        start,
        last4,
        key.createdAt.getTime(),
        createdBy,
        time(key.expiresAt) ?? null,
      ) as Row
      return this.#written(toKey(row), retired ? [row, retired] : [row])
    })
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    const row = this.#get('SELECT * FROM keys WHERE id = ?', id)
    return row ? toKey(row) : null
  }

  async listKeys({ tenantId, limit, after }: ListOptions): Promise<KeyDetails[]> {
    const rows = this.#database
      .prepare(
        `SELECT * FROM keys WHERE tenant_id = ? AND (created_at, id) < (?, ?)
         ORDER BY created_at DESC, id DESC LIMIT ?`,
      )
      .all(tenantId, after?.createdAt.getTime() ?? Number.MAX_SAFE_INTEGER, after?.id ?? '', limit)
    return (rows as Row[]).map(toKey)
  }

  async updateKey(
    id: string,
    { name, scopes, expiresAt, metadata }: KeyPatch,
  ): Promise<Written<KeyDetails> | null> {
    const row = this.#change('keys', id, LIVE, [Date.now()], {
      name,
      scopes: scopes && JSON.stringify(scopes),
      expires_at: time(expiresAt),
      metadata: metadata && JSON.stringify(metadata),
    })
    return row ? this.#written(toKey(row), [row]) : null
  }

  async revokeKey(id: string, at: Date): Promise<Written<KeyDetails> | null> {
    const row = this.#get(
      'UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? RETURNING *',
      at.getTime(),
      id,
    )
    return row ? this.#written(toKey(row), [row]) : null
  }

  async recordUse(uses: ReadonlyMap<string, Date>): Promise<void> {
    const statement = this.#database.prepare(
      'UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?',
    )
    this.#transaction(() => {
      for (const [id, at] of uses) statement.run(at.getTime(), id)
    })
  }

  #get(sql: string, ...values: Value[]): Row | undefined {
    return this.#database.prepare(sql).get(...values) as Row | undefined
  }

  /** Sets the columns that are given, and no others. */
  #change(
    table: 'tenants' | 'keys',
    id: string,
    where: string,
    bound: Value[],
    columns: Record<string, Value | undefined>,
  ): Row | undefined {
    const set = Object.entries(columns).filter(([, value]) => value !== undefined) as [string, Value][]
    const names = ['id = id', ...set.map(([name]) => `${name} = ?`)]
    return this.#get(
      `UPDATE ${table} SET ${names.join(', ')} WHERE id = ? AND ${where} RETURNING *`,
      ...set.map(([, value]) => value),
      id,
      ...bound,
    )
  }

  #transaction<Result>(work: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Tells the caches which keys a write concerns, before anybody can learn of the write. */
  #written<Record>(record: Record, rows: readonly Row[]): Written<Record> {
    this.#epoch += 1
    const hashes = rows.map(({ hash }) => String(hash))
    if (hashes.length > 0) for (const listener of this.#listeners) listener(hashes)
    return { record, epoch: this.#epoch }
  }
}

function time(date: Date | null | undefined): number | null | undefined {
  return date && date.getTime()
}

function date(value: Value | undefined): Date | null {
  return typeof value === 'number' ? new Date(value) : null
}

function toTenant({ id, name, metadata, created_at, suspended_at }: Row): TenantDetails {
  return {
    id: String(id),
    name: String(name),
    metadata: JSON.parse(String(metadata)) as object,
    createdAt: new Date(Number(created_at)),
    suspendedAt: date(suspended_at),
  }
}

function toKey(row: Row): KeyDetails {
  return {
    id: String(row.id),
    tenantId: String(row.tenant_id),
    name: String(row.name),
    environment: String(row.environment),
    scopes: JSON.parse(String(row.scopes)) as string[],
    metadata: JSON.parse(String(row.metadata)) as object,
    start: String(row.start),
    last4: String(row.last4),
    createdAt: new Date(Number(row.created_at)),
    createdBy: row.created_by === null ? null : String(row.created_by),
    expiresAt: date(row.expires_at),
    revokedAt: date(row.revoked_at),
    lastUsedAt: date(row.last_used_at),
  }
}
