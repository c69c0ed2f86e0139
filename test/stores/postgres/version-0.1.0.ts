/** Statements of version 0.1.0, word for word, as its instances run them beside this version's. */

export const BEAT = `
      WITH present AS MATERIALIZED (
        SELECT c.epoch, c.tag || tenant_auth.history() AS tag, set_config('lock_timeout', '1s', true),
          set_config('synchronous_commit', 'local', true)
        FROM tenant_auth.coherence c
      ), current AS MATERIALIZED (
        SELECT p.epoch, p.tag, coalesce(p.tag = $3::text AND p.epoch >= $2::bigint, false) AS continues FROM present p
      ), beaten AS (
        UPDATE tenant_auth.instances i SET
          beats = i.beats + 1, seen_at = now(),
          acknowledged = CASE WHEN c.continues THEN $2::bigint ELSE -1 END
        FROM current c WHERE i.instance = $1::text
        RETURNING i.instance
      ), changed_tenants AS MATERIALIZED (
        SELECT t.id FROM tenant_auth.tenants t WHERE t.epoch > $2::bigint ORDER BY t.epoch LIMIT 10001
      ), changed AS MATERIALIZED (
        (SELECT k.hash FROM tenant_auth.keys k WHERE k.epoch > $2::bigint ORDER BY k.epoch LIMIT 10001)
        UNION
        (SELECT k.hash FROM changed_tenants t
          CROSS JOIN LATERAL (SELECT k.hash FROM tenant_auth.keys k WHERE k.tenant_id = t.id LIMIT 10001) k
          LIMIT 10001)
      )
      SELECT json_build_object(
        'member', EXISTS (SELECT FROM beaten),
        'epoch', c.epoch, 'tag', c.tag,
        'changed', CASE
          WHEN NOT c.continues THEN NULL
          WHEN (SELECT count(*) FROM changed_tenants) > 10000 THEN NULL
          WHEN (SELECT count(*) FROM changed) > 10000 THEN NULL
          ELSE (SELECT coalesce(json_agg(encode(hash, 'hex')), '[]') FROM changed)
        END)::text AS row
      FROM current c`

export const FLEET = `
      SELECT json_build_object('lease', c.lease_ms, 'heartbeat', c.heartbeat_ms, 'epoch', c.epoch,
        'history', tenant_auth.history(), 'members', (
          SELECT coalesce(json_agg(json_build_object('instance', i.instance, 'label', i.label, 'holds', i.holds,
            'acknowledged', i.acknowledged, 'beats', i.beats)), '[]')
          FROM tenant_auth.instances i
        ))::text AS row
      FROM tenant_auth.coherence c`

export const REGISTER = `
      SELECT to_json(tenant_auth.register($1::text, $2::text, $3::double precision, $4::integer, $5::integer))::text AS row`

export const ADOPT_SETTINGS = `SELECT to_json(tenant_auth.adopt_settings($1::integer, $2::integer))::text AS row`

export const LEAVE = `DELETE FROM tenant_auth.instances WHERE instance = $1::text`

export const REAP = `
      DELETE FROM tenant_auth.instances i
      USING json_to_recordset($1::json) AS dead (instance text, beats bigint)
      WHERE i.instance = dead.instance AND i.beats = dead.beats`

/** Returns no record. */
export const REVOKE_KEY = `
      WITH written AS (
        UPDATE tenant_auth.keys k SET revoked_at = coalesce(k.revoked_at, $2::timestamptz)
        WHERE k.id = $1::text
        RETURNING k.*
      ) SELECT json_build_object('epoch', k.epoch, 'reach', tenant_auth.reach())::text AS row
     FROM written k WHERE (SELECT set_config('lock_timeout', '2000ms', true)) IS NOT NULL`
