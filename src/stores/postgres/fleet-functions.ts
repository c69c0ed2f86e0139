/**
 * The functions that instances call all the time: part of version 2. PostgreSQL plans a function once for each
 * connection, and planning is four fifths of the cost of such a small statement.
 *
 * Everything that one call returns comes from one snapshot, taken after the call was sent: the epoch, the rows and the
 * changed keys are of the same moment. Changes commit one after the other (see version-1.ts), so a snapshot with epoch n
 * has every change up to n. This is why each function reads with a single query, and is VOLATILE although it only reads:
 * that query then gets its own snapshot, taken after its tables are locked. A STABLE function would read with the
 * snapshot of its caller. That one may be older than a TRUNCATE that the query waited for, and by now the table is
 * empty.
 */

/** If more keys than this have changed at once, a cache is better off starting over. */
const MOST_CHANGES = 10_000

/** Milliseconds since 1970, exactly. */
const ms = (time: string) => `(extract(epoch FROM ${time}) * 1000)::bigint`

export function fleetFunctions(s: string): string {
  const invoker = `LANGUAGE plpgsql SET search_path = ${s}, pg_temp`
  const STANDING = `'history', p.history, 'epoch', p.epoch, 'roster', p.roster,
    'settled', p.settled IS NOT DISTINCT FROM p.history || '/' || p.roster, 'maxHolds', p.max_holds`
  // LIMIT tells the planner that each has one row. Otherwise it expects many, and compiles their product (JIT, 0.2 s).
  const PRESENT = `SELECT c.epoch, c.tag || history() AS history, f.roster, f.settled, f.max_holds, f.forgotten
    FROM (TABLE coherence LIMIT 1) c, (TABLE fleet LIMIT 1) f`

  return `
-- What the session says about itself, for clients that do not learn it from the protocol.
CREATE FUNCTION ${s}.session() RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  RETURN json_build_array(pg_is_in_recovery(), txid_current_if_assigned() IS NOT NULL,
    current_setting('transaction_isolation'), current_setting('client_encoding'),
    current_setting('transaction_read_only')::boolean);
END $f$;

-- One probe of each table's index for each hash, even if the plan was made when the tables were small.
CREATE FUNCTION ${s}.find_by_hashes(p_hashes text) RETURNS text ${invoker}
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $f$
BEGIN
  RETURN (
    SELECT json_build_object('epoch', c.epoch, 'history', c.tag || history(), 'keys', (
      SELECT coalesce(json_agg(k.found), '[]')
      FROM unnest(string_to_array(p_hashes, ',')) AS h (hash) CROSS JOIN LATERAL (
        SELECT json_build_array(h.hash, json_build_object(
          'id', k.id, 'name', k.name, 'environment', k.environment, 'scopes', k.scopes, 'metadata', k.metadata,
          'expiresAt', ${ms('k.expires_at')}, 'revokedAt', ${ms('k.revoked_at')}, 'pausedAt', ${ms('k.paused_at')},
          'networks', k.networks, 'tenant', json_build_object(
            'id', t.id, 'name', t.name, 'metadata', t.metadata, 'suspended', t.suspended_at IS NOT NULL))) AS found
        FROM keys k JOIN tenants t ON t.id = k.tenant_id
        WHERE k.hash = decode(h.hash, 'hex') LIMIT 1
      ) k
    ))
    FROM (TABLE coherence LIMIT 1) c
  );
END $f$;

CREATE FUNCTION ${s}.beat(p_instance text, p_session text) RETURNS text ${invoker} AS $f$
BEGIN
  RETURN (
    SELECT json_build_object(
      'member', CASE WHEN i.instance IS NULL THEN 'gone' WHEN i.session = p_session THEN 'member' ELSE 'taken' END,
      'acknowledged', coalesce(i.acknowledged, -1), ${STANDING})
    FROM (${PRESENT}) p LEFT JOIN instances i ON i.instance = p_instance
  );
END $f$;

-- Waits neither long for a lock nor for a standby: after a failover the history is a different one anyway. A crash must not
-- lose the row.
CREATE FUNCTION ${s}.acknowledge(p_instance text, p_session text, p_epoch bigint, p_history text)
RETURNS text ${invoker} SET lock_timeout = '1s' AS $f$
DECLARE
  answer text;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  UPDATE instances i SET acknowledged = p_epoch, beats = i.beats + 1, seen_at = now()
    FROM (${PRESENT}) p
    WHERE i.instance = p_instance AND i.session = p_session AND p.history = p_history AND p.epoch >= p_epoch
    RETURNING json_build_object('member', 'member', 'acknowledged', i.acknowledged, ${STANDING}) INTO answer;
  RETURN coalesce(answer, beat(p_instance, p_session));
END $f$;

-- A generic plan expects a third of all rows, where the index finds one or two. A disabled scan looks so expensive to the
-- planner that it would start the JIT compiler.
CREATE FUNCTION ${s}.catch_up(p_epoch bigint, p_history text) RETURNS text ${invoker}
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $f$
BEGIN
  RETURN (
    WITH p AS MATERIALIZED (${PRESENT}), changed_tenants AS MATERIALIZED (
      SELECT t.id FROM tenants t WHERE t.epoch > p_epoch ORDER BY t.epoch LIMIT ${MOST_CHANGES + 1}
    ), changed AS MATERIALIZED (
      (SELECT k.hash FROM keys k WHERE k.epoch > p_epoch ORDER BY k.epoch LIMIT ${MOST_CHANGES + 1})
      UNION
      (SELECT k.hash FROM changed_tenants t
        CROSS JOIN LATERAL (SELECT k.hash FROM keys k WHERE k.tenant_id = t.id LIMIT ${MOST_CHANGES + 1}) k
        LIMIT ${MOST_CHANGES + 1})
    )
    SELECT json_build_object('history', p.history, 'epoch', p.epoch,
      'changed', CASE
        WHEN p.history <> p_history OR p.epoch < p_epoch OR p.forgotten > p_epoch THEN NULL
        WHEN (SELECT count(*) FROM changed_tenants) > ${MOST_CHANGES} THEN NULL
        WHEN (SELECT count(*) FROM changed) > ${MOST_CHANGES} THEN NULL
        ELSE (SELECT coalesce(json_agg(encode(hash, 'hex')), '[]') FROM changed)
      END)
    FROM p
  );
END $f$;

CREATE FUNCTION ${s}.read_fleet(p_epoch bigint) RETURNS text ${invoker} AS $f$
BEGIN
  RETURN (
    SELECT json_build_object(${STANDING},
      'instances', (SELECT count(*) FROM instances),
      'pending', (
        SELECT coalesce(json_agg(json_build_object('instance', i.instance, 'label', i.label, 'holds', i.holds,
          'acknowledged', CASE WHEN i.acknowledged > p.epoch THEN -1 ELSE i.acknowledged END)), '[]')
        FROM instances i WHERE i.acknowledged < p_epoch OR i.acknowledged > p.epoch
      ))
    FROM (${PRESENT}) p
  );
END $f$;
`
}
