/**
 * Every statement that the store sends. Values are always parameters; only the schema's name, which was checked, is part
 * of the text. Each returns rows of one column `row`, JSON as text, so that type parsers which an application has set do
 * not change what a key is. Reads also return what the session says of itself (`session`), and at least one row, with
 * `null` for none.
 */
import { fleetStatements, session } from './fleet-statements.ts'

export type Statements = ReturnType<typeof statementsFor>

/** Milliseconds since 1970, exactly. */
const ms = (time: string) => `(extract(epoch FROM ${time}) * 1000)::bigint`

const TENANT = `json_build_object(
  'id', t.id, 'name', t.name, 'metadata', t.metadata,
  'createdAt', ${ms('t.created_at')}, 'suspendedAt', ${ms('t.suspended_at')})`

/** @param timeout milliseconds after which the store gives a write up */
export function statementsFor(schema: string, timeout = 10_000) {
  const s = `"${schema}"`

  const KEY = `json_build_object(
    'id', k.id, 'tenantId', k.tenant_id, 'name', k.name, 'environment', k.environment, 'scopes', k.scopes,
    'metadata', k.metadata, 'start', k.start, 'last4', k.last4,
    'createdAt', ${ms('k.created_at')}, 'createdBy', k.created_by,
    'expiresAt', ${ms('k.expires_at')}, 'revokedAt', ${ms('k.revoked_at')}, 'pausedAt', ${ms('k.paused_at')},
    'networks', k.networks,
    'lastUsedAt', (SELECT ${ms('u.last_used_at')} FROM ${s}.key_usage u WHERE u.key_id = k.id))`

  const NEW_KEY = `
    INSERT INTO ${s}.keys (id, tenant_id, hash, name, environment, scopes, metadata, start, last4, created_at,
      created_by, expires_at, networks)
    SELECT $1::text, $2::text, decode($3::text, 'hex'), $4::text, $5::text, $6::text[], $7::json, $8::text, $9::text,
      $10::timestamptz, $11::text, $12::timestamptz, $13::text[]`

  /**
   * A write stops waiting for locks shortly before it is given up by the store or by a `KeyManager` (after five seconds
   * by default): it must not take effect long after its caller was told that it failed. A write that waits for a row
   * waits twice, in the queue for it and at its head.
   */
  const lockTimeout = `'${Math.min(2_000, Math.ceil(timeout * 0.4))}ms'`

  /**
   * `written` returns what a data-modifying statement has written, with its epoch and what it has to reach. The
   * conditions are the same for all rows, so PostgreSQL evaluates them, and sets what they set, before it writes the
   * first row.
   */
  const conditions = `(SELECT ${s}.require_utf8())
       AND (SELECT set_config('lock_timeout', ${lockTimeout}, true)) IS NOT NULL`
  const written = (record: string, alias: string) =>
    `SELECT json_build_object('record', ${record}, 'mark', ${s}.mark())::text AS row
     FROM written ${alias} WHERE ${conditions}`
  /** Leaves the condition out if the parameter is null. */
  const named = (parameter: string, condition: string) => `(${parameter} IS NULL OR ${condition})`
  const contains = (text: string, parameter: string) =>
    `position(lower(${parameter} COLLATE "C") IN lower(${text} COLLATE "C")) > 0`

  const read = (query: string) =>
    `SELECT s.session, q.row FROM (SELECT ${session(s)}) s LEFT JOIN LATERAL (${query}) q ON true`

  return {
    /** $1 hashes in hexadecimal, separated by commas */
    findByHashes: `SELECT ${session(s)}, ${s}.find_by_hashes($1::text) AS row`,

    /** $1 id, $2 name, $3 metadata, $4 created, $5 suspended */
    insertTenant: `
      WITH written AS (
        INSERT INTO ${s}.tenants (id, name, metadata, created_at, suspended_at)
        VALUES ($1::text, $2::text, $3::json, $4::timestamptz, $5::timestamptz)
        ON CONFLICT (id) DO NOTHING
        RETURNING *
      ) ${written(TENANT, 't')}`,

    /** $1 id */
    findTenant: read(`SELECT ${TENANT}::text AS row FROM ${s}.tenants t WHERE t.id = $1::text`),

    /** $1 part of id or name, $2 limit, $3 and $4 time and id of the tenant to continue after; null for any */
    listTenants: read(`
      SELECT ${TENANT}::text AS row FROM ${s}.tenants t
      WHERE ${named('$1::text', `(${contains('t.id', '$1::text')} OR ${contains('t.name', '$1::text')})`)}
        AND ${named('$3::timestamptz', '(t.created_at, t.id) < ($3::timestamptz, $4::text)')}
      ORDER BY t.created_at DESC, t.id DESC
      LIMIT $2::integer`),

    /** Does nothing if the tenant has keys. $1 id */
    deleteTenant: `
      WITH written AS (
        DELETE FROM ${s}.tenants t
        WHERE t.id = $1::text AND NOT EXISTS (SELECT FROM ${s}.keys k WHERE k.tenant_id = t.id)
        RETURNING t.*
      ) ${written(TENANT, 't')}`,

    /**
     * A column that is not named keeps its value in the newest version of the row: a change that this one waited for is
     * not undone.
     * $1 id, $2 name, $3 metadata, $4 whether suspended changes, $5 suspended
     */
    updateTenant: `
      WITH written AS (
        UPDATE ${s}.tenants t SET
          name = coalesce($2::text, t.name),
          metadata = coalesce($3::json, t.metadata),
          suspended_at = CASE WHEN $4::boolean THEN $5::timestamptz ELSE t.suspended_at END
        WHERE t.id = $1::text
        RETURNING t.*
      ) ${written(TENANT, 't')}`,

    /**
     * An id or a hash that is taken is an error.
     * $1 id, $2 tenant, $3 hash, $4 name, $5 environment, $6 scopes, $7 metadata, $8 start, $9 last four, $10 created,
     * $11 created by, $12 expires, $13 networks
     */
    insertKey: `WITH written AS (${NEW_KEY} RETURNING *) ${written(KEY, 'k')}`,

    /** For a key that no instance can have looked up: no cache has to learn of it. Parameters as above. */
    insertFreshKey: `WITH written AS (${NEW_KEY} RETURNING *) ${written(KEY, 'k')}
       AND (SELECT set_config('tenant_auth.fresh', 'on', true)) IS NOT NULL`,

    /**
     * Both or neither: an error undoes the whole statement.
     * Parameters as above, and $14 id of the key to retire, $15 its expiry or null
     */
    replaceKey: `
      WITH retired AS (
        UPDATE ${s}.keys o SET expires_at = least(o.expires_at, $15::timestamptz)
        WHERE o.id = $14::text AND o.tenant_id = $2::text AND o.revoked_at IS NULL AND o.paused_at IS NULL
        RETURNING o.id
      ), written AS (
        ${NEW_KEY} WHERE EXISTS (SELECT FROM retired) RETURNING *
      ) ${written(KEY, 'k')}`,

    /** $1 id */
    findKey: read(`SELECT ${KEY}::text AS row FROM ${s}.keys k WHERE k.id = $1::text`),

    /**
     * $1 tenant, $2 limit, $3 and $4 time and id of the key to continue after, $5 status, $6 environment, $7 part of the
     * name, $8 unused since, $9 ends before; null for any
     */
    listKeys: read(`
      SELECT ${KEY}::text AS row FROM ${s}.keys k
      WHERE ${named('$1::text', 'k.tenant_id = $1::text')}
        AND ${named('$3::timestamptz', '(k.created_at, k.id) < ($3::timestamptz, $4::text)')}
        AND ${named(
          '$5::text',
          `$5::text = CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
            WHEN k.expires_at <= clock_timestamp() THEN 'expired'
            WHEN k.paused_at IS NOT NULL THEN 'paused' ELSE 'active' END`,
        )}
        AND ${named('$6::text', 'k.environment = $6::text')}
        AND ${named('$7::text', contains('k.name', '$7::text'))}
        AND ${named(
          '$8::timestamptz',
          `$8::timestamptz > coalesce(
            (SELECT u.last_used_at FROM ${s}.key_usage u WHERE u.key_id = k.id), k.created_at)`,
        )}
        AND ${named('$9::timestamptz', '$9::timestamptz > least(k.expires_at, k.revoked_at)')}
      ORDER BY k.created_at DESC, k.id DESC
      LIMIT $2::integer`),

    /** $1 id, $2 name, $3 scopes, $4 metadata; whether it changes, and to what: $5, $6 expiry, $7, $8 pause, $9, $10 networks */
    updateKey: `
      WITH written AS (
        UPDATE ${s}.keys k SET
          name = coalesce($2::text, k.name),
          scopes = coalesce($3::text[], k.scopes),
          metadata = coalesce($4::json, k.metadata),
          expires_at = CASE WHEN $5::boolean THEN $6::timestamptz ELSE k.expires_at END,
          paused_at = CASE WHEN $7::boolean THEN $8::timestamptz ELSE k.paused_at END,
          networks = CASE WHEN $9::boolean THEN $10::text[] ELSE k.networks END
        WHERE k.id = $1::text AND k.revoked_at IS NULL
          AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
        RETURNING k.*
      ) ${written(KEY, 'k')}`,

    /** $1 id, $2 time */
    revokeKey: `
      WITH written AS (
        UPDATE ${s}.keys k SET revoked_at = coalesce(k.revoked_at, $2::timestamptz)
        WHERE k.id = $1::text
        RETURNING k.*
      ) ${written(KEY, 'k')}`,

    /**
     * A revoked key has ended whatever the time of its revocation, which another machine's clock may have set.
     * $1 ids, $2 time
     */
    deleteKeys: `
      WITH gone AS (
        DELETE FROM ${s}.keys k
        WHERE k.id = ANY ($1::text[]) AND least(k.expires_at, k.revoked_at) < $2::timestamptz
          AND (k.revoked_at IS NOT NULL OR k.expires_at < clock_timestamp())
        RETURNING k.id
      ) SELECT count(*)::text AS row FROM gone WHERE ${conditions}`,

    /**
     * Locks the keys against deletion first, always in the same order, so that a key deleted meanwhile is left out.
     * $1 ids, $2 times
     */
    recordUse: `
      INSERT INTO ${s}.key_usage AS u (key_id, last_used_at)
      SELECT k.id, used.at
      FROM unnest($1::text[], $2::timestamptz[]) AS used (id, at) JOIN ${s}.keys k ON k.id = used.id
      ORDER BY k.id
      FOR KEY SHARE OF k
      ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at
        WHERE u.last_used_at < excluded.last_used_at`,

    ...fleetStatements(s),
  }
}
