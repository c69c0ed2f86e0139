/** The statements by which instances beat, and by which a write learns how far it has got. As in `statements.ts`. */

/** More changed keys than this in one heartbeat, and a cache is better off starting over. */
const MOST_CHANGES = 10_000

export function fleetStatements(s: string) {
  return {
    /**
     * One statement, so one snapshot: the epoch, the tag and the changed keys are of the same moment, a moment after the
     * statement was sent. Since changes commit one after the other (see version-1.ts), a snapshot with epoch n has every
     * change up to n. Nothing here may lock or follow a row of coherence or keys, for that would read a version newer
     * than the snapshot; the update of the instance's own row may have to wait for a late heartbeat of the same instance
     * or for a reaper, and then works on the newest version or finds none, while all else stays with the snapshot.
     *
     * It waits neither for a lock for long nor for a standby: an acknowledgement that a failover loses is made again in
     * another history, and a fleet need not stop serving because a standby is away. A crash must not lose it, for beats
     * must not go back.
     *
     * Acknowledges only an epoch of this very history. What was dropped in another one says nothing in this one.
     *
     * $1 instance, $2 and $3 epoch and tag that it knows, or null
     */
    beat: `
      WITH present AS MATERIALIZED (
        SELECT c.epoch, c.tag || ${s}.history() AS tag, set_config('lock_timeout', '1s', true),
          set_config('synchronous_commit', 'local', true)
        FROM ${s}.coherence c
      ), current AS MATERIALIZED (
        SELECT p.epoch, p.tag, coalesce(p.tag = $3::text AND p.epoch >= $2::bigint, false) AS continues FROM present p
      ), beaten AS (
        UPDATE ${s}.instances i SET
          beats = i.beats + 1, seen_at = now(),
          acknowledged = CASE WHEN c.continues THEN $2::bigint ELSE -1 END
        FROM current c WHERE i.instance = $1::text
        RETURNING i.instance
      ), changed_tenants AS MATERIALIZED (
        SELECT t.id FROM ${s}.tenants t WHERE t.epoch > $2::bigint ORDER BY t.epoch LIMIT ${MOST_CHANGES + 1}
      ), changed AS MATERIALIZED (
        (SELECT k.hash FROM ${s}.keys k WHERE k.epoch > $2::bigint ORDER BY k.epoch LIMIT ${MOST_CHANGES + 1})
        UNION
        (SELECT k.hash FROM changed_tenants t
          CROSS JOIN LATERAL (SELECT k.hash FROM ${s}.keys k WHERE k.tenant_id = t.id LIMIT ${MOST_CHANGES + 1}) k
          LIMIT ${MOST_CHANGES + 1})
      )
      SELECT json_build_object(
        'member', EXISTS (SELECT FROM beaten),
        'epoch', c.epoch, 'tag', c.tag,
        'changed', CASE
          WHEN NOT c.continues THEN NULL
          WHEN (SELECT count(*) FROM changed_tenants) > ${MOST_CHANGES} THEN NULL
          WHEN (SELECT count(*) FROM changed) > ${MOST_CHANGES} THEN NULL
          ELSE (SELECT coalesce(json_agg(encode(hash, 'hex')), '[]') FROM changed)
        END)::text AS row
      FROM current c`,

    fleet: `
      SELECT json_build_object('lease', c.lease_ms, 'heartbeat', c.heartbeat_ms, 'epoch', c.epoch,
        'history', ${s}.history(), 'members', (
          SELECT coalesce(json_agg(json_build_object('instance', i.instance, 'label', i.label, 'holds', i.holds,
            'acknowledged', i.acknowledged, 'beats', i.beats)), '[]')
          FROM ${s}.instances i
        ))::text AS row
      FROM ${s}.coherence c`,

    /** $1 lease, $2 heartbeat */
    adoptSettings: `SELECT to_json(${s}.adopt_settings($1::integer, $2::integer))::text AS row`,

    /** $1 instance, $2 label, $3 holds, $4 lease, $5 heartbeat */
    register: `
      SELECT to_json(${s}.register($1::text, $2::text, $3::double precision, $4::integer, $5::integer))::text AS row`,

    /** $1 instance */
    leave: `DELETE FROM ${s}.instances WHERE instance = $1::text`,

    /** $1 JSON array of instances with the beats that were seen */
    reap: `
      DELETE FROM ${s}.instances i
      USING json_to_recordset($1::json) AS dead (instance text, beats bigint)
      WHERE i.instance = dead.instance AND i.beats = dead.beats`,
  }
}
