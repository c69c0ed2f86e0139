/** The statements by which instances beat, and by which a write learns how far it has got. As in `statements.ts`. */

/** More changed keys than this at once, and a cache is better off starting over. */
const MOST_CHANGES = 10_000

/** What the session says of itself, for clients that do not tell on the wire. As `SessionState`. */
export const SESSION = `json_build_array(pg_is_in_recovery(), txid_current_if_assigned() IS NOT NULL,
  current_setting('transaction_isolation'), current_setting('client_encoding'),
  current_setting('transaction_read_only')::boolean)::text`

/**
 * Each is one statement that names the tables itself, so one snapshot, a moment after it was sent: what it answers of the
 * epoch, the rows and the changed keys is of the same moment. Since changes commit one after the other (see version-1.ts),
 * a snapshot with epoch n has every change up to n. A function would not do for `instances`: TRUNCATE shows to snapshots
 * that are older than it.
 */
export function fleetStatements(s: string) {
  const STANDING = `'history', p.history, 'epoch', p.epoch, 'roster', p.roster,
    'settled', p.settled IS NOT DISTINCT FROM p.history || '/' || p.roster`
  // LIMIT tells the planner that it is one row each: the product of what it knows nothing of would be compiled (JIT, 0.2 s).
  const PRESENT = `SELECT c.epoch, c.tag || ${s}.history() AS history, f.roster, f.settled, f.max_holds
    FROM (TABLE ${s}.coherence LIMIT 1) c, (TABLE ${s}.fleet LIMIT 1) f`
  const MEMBER = `CASE WHEN i.instance IS NULL THEN 'gone' WHEN i.session = $2::text THEN 'member' ELSE 'taken' END`

  return {
    /** Whether a connection is good for a link. */
    probe: `SELECT ${SESSION} AS session FROM (TABLE ${s}.coherence LIMIT 1) c, (TABLE ${s}.fleet LIMIT 1) f`,

    /** $1 instance, $2 session */
    beat: `
      SELECT ${SESSION} AS session, json_build_object(
        'member', ${MEMBER}, 'acknowledged', coalesce(i.acknowledged, -1), ${STANDING})::text AS row
      FROM (${PRESENT}) p LEFT JOIN ${s}.instances i ON i.instance = $1::text`,

    /**
     * The update may have to wait for a reaper, and then works on the newest version of the row or finds none, while all
     * else stays with the snapshot. It waits neither for a lock for long nor for a standby: what a failover loses is of
     * another history afterwards. A crash must not lose it.
     *
     * $1 instance, $2 session, $3 epoch, $4 history
     */
    acknowledge: `
      WITH p AS MATERIALIZED (
        SELECT q.*, set_config('lock_timeout', '1s', true), set_config('synchronous_commit', 'local', true)
        FROM (${PRESENT}) q
      ), acknowledged AS (
        UPDATE ${s}.instances i SET acknowledged = $3::bigint, beats = i.beats + 1, seen_at = now()
        FROM p WHERE i.instance = $1::text AND i.session = $2::text AND p.history = $4::text AND p.epoch >= $3::bigint
        RETURNING i.acknowledged
      )
      SELECT ${SESSION} AS session, json_build_object(
        'member', ${MEMBER},
        'acknowledged', coalesce((SELECT a.acknowledged FROM acknowledged a), i.acknowledged, -1), ${STANDING})::text AS row
      FROM p LEFT JOIN ${s}.instances i ON i.instance = $1::text`,

    /** $1 epoch, $2 history */
    catchUp: `
      WITH p AS MATERIALIZED (${PRESENT}), changed_tenants AS MATERIALIZED (
        SELECT t.id FROM ${s}.tenants t WHERE t.epoch > $1::bigint ORDER BY t.epoch LIMIT ${MOST_CHANGES + 1}
      ), changed AS MATERIALIZED (
        (SELECT k.hash FROM ${s}.keys k WHERE k.epoch > $1::bigint ORDER BY k.epoch LIMIT ${MOST_CHANGES + 1})
        UNION
        (SELECT k.hash FROM changed_tenants t
          CROSS JOIN LATERAL (SELECT k.hash FROM ${s}.keys k WHERE k.tenant_id = t.id LIMIT ${MOST_CHANGES + 1}) k
          LIMIT ${MOST_CHANGES + 1})
      )
      SELECT ${SESSION} AS session, json_build_object('history', p.history, 'epoch', p.epoch,
        'changed', CASE
          WHEN p.history <> $2::text OR p.epoch < $1::bigint THEN NULL
          WHEN (SELECT count(*) FROM changed_tenants) > ${MOST_CHANGES} THEN NULL
          WHEN (SELECT count(*) FROM changed) > ${MOST_CHANGES} THEN NULL
          ELSE (SELECT coalesce(json_agg(encode(hash, 'hex')), '[]') FROM changed)
        END)::text AS row
      FROM p`,

    /** $1 epoch */
    readFleet: `
      SELECT ${SESSION} AS session, json_build_object(${STANDING}, 'maxHolds', p.max_holds,
        'instances', (SELECT count(*) FROM ${s}.instances),
        'pending', (
          SELECT coalesce(json_agg(json_build_object('instance', i.instance, 'label', i.label, 'holds', i.holds,
            'acknowledged', CASE WHEN i.acknowledged > p.epoch THEN -1 ELSE i.acknowledged END)), '[]')
          FROM ${s}.instances i WHERE i.acknowledged < $1::bigint OR i.acknowledged > p.epoch
        ))::text AS row
      FROM (${PRESENT}) p`,

    /** $1 instance, $2 label, $3 holds, $4 session or null */
    attach: `
      SELECT ${SESSION} AS session,
        to_json(${s}.attach($1::text, $2::text, $3::double precision, $4::text))::text AS row`,

    /** $1 instance, $2 session */
    leave: `SELECT ${s}.leave($1::text, $2::text)`,

    /** $1 instances, $2 epoch, $3 history, $4 roster */
    reap: `SELECT to_json(r)::text AS row FROM ${s}.reap($1::text[], $2::bigint, $3::text, $4::text) r`,

    /** $1 history, $2 roster */
    settle: `SELECT ${s}.settle($1::text, $2::text)`,

    /** $1 channel, $2 payload */
    notify: `SELECT pg_notify($1::text, $2::text)`,
  }
}
