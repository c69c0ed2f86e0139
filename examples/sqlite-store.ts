/**
 * A complete store on SQLite, for a service of one process: keys, administration and coherence. It takes a database of
 * `node:sqlite` (Node 22.13 and later) or of `better-sqlite3`.
 */
import type {
  CoherentKeyStore,
  InsertRefusal,
  KeyDetails,
  KeyFilter,
  KeyPatch,
  LocalCoherence,
  NewKey,
  Page,
  StoredKey,
  TenantDetails,
  TenantFilter,
  TenantPatch,
  WritableKeyStore,
  Written,
} from 'fastify-tenant-auth/stores'

type Value = string | number | null
type Row = Record<string, Value>

/** The part of both libraries that the store uses. */
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
    created_at INTEGER NOT NULL, created_by TEXT, expires_at INTEGER, revoked_at INTEGER, paused_at INTEGER,
    networks TEXT, last_used_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS keys_of_tenant ON keys (tenant_id, created_at DESC, id DESC);
`
const PAGE = '(created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?'
const ENDS = 'min(coalesce(revoked_at, expires_at), coalesce(expires_at, revoked_at))'
/** The condition for each part of a filter, with its values. SQLite's "lower" changes ASCII only, as it should here. */
const FILTERS: Record<keyof KeyFilter, (value: never) => [sql: string, ...values: Value[]]> = {
  tenantId: (id: string) => ['tenant_id = ?', id],
  status: (status: string) => [
    `? = CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= ? THEN 'expired'
       WHEN paused_at IS NOT NULL THEN 'paused' ELSE 'active' END`,
    status,
    Date.now(),
  ],
  environment: (environment: string) => ['environment = ?', environment],
  name: (part: string) => ['instr(lower(name), lower(?)) > 0', part],
  unusedSince: (moment: Date) => ['coalesce(last_used_at, created_at) < ?', moment.getTime()],
  endsBefore: (moment: Date) => [`${ENDS} < ?`, moment.getTime()],
}
const LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)'

export class SqliteKeyStore implements WritableKeyStore, CoherentKeyStore {
  readonly #database: SqliteDatabase
  readonly #listeners = new Set<(hashes: readonly string[]) => void>()
  #epoch = 0

  constructor(database: SqliteDatabase) {
    this.#database = database
    database.exec(TABLES)
  }

  /** Every change happens in this process, so a plain call can notify the caches. */
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
    const { suspendedAt } = tenant
    const owner = {
      id: tenant.id,
      name: tenant.name,
      metadata: tenant.metadata,
      suspended: suspendedAt !== null,
    }
    return { ...toKey(row), tenant: owner }
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

  async listTenants({ search = '', limit, after }: TenantFilter & Page): Promise<TenantDetails[]> {
    const rows = this.#database
      .prepare(
        `SELECT * FROM tenants WHERE (instr(lower(id), lower(?1)) > 0 OR instr(lower(name), lower(?1)) > 0) AND ${PAGE}`,
      )
      .all(search, ...place(after), limit)
    return (rows as Row[]).map(toTenant)
  }

  async deleteTenant(id: string): Promise<Written<TenantDetails> | 'has-keys' | null> {
    const tenant = await this.findTenant(id)
    if (tenant === null) return null
    if (this.#get('SELECT 1 FROM keys WHERE tenant_id = ?', id)) return 'has-keys'
    this.#get('DELETE FROM tenants WHERE id = ?', id)
    return this.#written(tenant, [])
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
    // Nothing is awaited here, so nothing runs between these statements, and all of them are one transaction.
    const rows = this.#transaction(() => {
      if (!this.#get('SELECT 1 FROM tenants WHERE id = ?', key.tenantId)) return 'no-such-tenant'
      if (this.#get('SELECT 1 FROM keys WHERE id = ?', key.id)) return 'id-taken'
      if (this.#get('SELECT 1 FROM keys WHERE hash = ?', key.hash)) return 'hash-taken'
      const retired =
        retire &&
        this.#get(
          `UPDATE keys SET expires_at = min(coalesce(expires_at, ?2), coalesce(?2, expires_at))
           WHERE id = ?1 AND tenant_id = ?3 AND revoked_at IS NULL AND paused_at IS NULL RETURNING *`,
          retire.id,
          time(retire.expiresAt) ?? null,
          key.tenantId,
        )
      if (retire && !retired) return 'not-retirable'
      const { id, hash, tenantId, name, environment, start, last4, createdBy } = key
      const row = this.#get(
        'INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, NULL) RETURNING *',
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
        JSON.stringify(key.networks ?? null),
      ) as Row
      return retired ? [row, retired] : [row]
    })
    return typeof rows === 'string' ? rows : this.#written(toKey(rows[0] as Row), rows)
  }

  async findKey(id: string): Promise<KeyDetails | null> {
    const row = this.#get('SELECT * FROM keys WHERE id = ?', id)
    return row ? toKey(row) : null
  }

  async listKeys({ limit, after, ...filter }: KeyFilter & Page): Promise<KeyDetails[]> {
    const conditions = Object.entries(filter).flatMap(([name, value]) =>
      value === undefined ? [] : [FILTERS[name as keyof KeyFilter](value as never)],
    )
    const where = [...conditions.map(([sql]) => sql), PAGE].join(' AND ')
    const values = conditions.flatMap(([, ...bound]) => bound)
    const rows = this.#database
      .prepare(`SELECT * FROM keys WHERE ${where}`)
      .all(...values, ...place(after), limit)
    return (rows as Row[]).map(toKey)
  }

  async updateKey(
    id: string,
    { name, scopes, expiresAt, pausedAt, networks, metadata }: KeyPatch,
  ): Promise<Written<KeyDetails> | null> {
    const row = this.#change('keys', id, LIVE, [Date.now()], {
      name,
      scopes: scopes && JSON.stringify(scopes),
      expires_at: time(expiresAt),
      paused_at: time(pausedAt),
      networks: networks === undefined ? undefined : JSON.stringify(networks),
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

  async deleteKeys(ids: readonly string[], endedBefore: Date): Promise<number> {
    const statement = this.#database.prepare(
      'DELETE FROM keys WHERE id = ?1 AND (revoked_at < ?2 OR expires_at < min(?2, ?3)) RETURNING id',
    )
    return this.#transaction(
      () => ids.filter((id) => statement.get(id, endedBefore.getTime(), Date.now()) !== undefined).length,
    )
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

  /** Sets only the columns that are given. */
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
      try {
        this.#database.exec('ROLLBACK')
      } catch {
        // If the disk is full, for instance, SQLite has already rolled back. That error must not hide the first one.
      }
      throw error
    }
  }

  /** Tells the caches which keys a write concerns, before any caller can learn of the write. */
  #written<Record>(record: Record, rows: readonly Row[]): Written<Record> {
    this.#epoch += 1
    const hashes = rows.map(({ hash }) => String(hash))
    if (hashes.length > 0) for (const listener of this.#listeners) listener(hashes)
    return { record, epoch: this.#epoch }
  }
}

function place(after: Page['after']): [number, string] {
  return [after?.createdAt.getTime() ?? Number.MAX_SAFE_INTEGER, after?.id ?? '']
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
    pausedAt: date(row.paused_at),
    networks: JSON.parse(String(row.networks)) as string[] | null,
    lastUsedAt: date(row.last_used_at),
  }
}
