/** The statements for heartbeats, and for finding out how far a write has got. The rules of `statements.ts` apply. */

/** What the session says of itself: a `SessionState`. */
export const session = (s: string) => `${s}.session() AS session`

/** Most call a function of `fleet-functions.ts` or `version-2.ts`. */
export function fleetStatements(s: string) {
  const call = (work: string) => `SELECT ${session(s)}, ${work} AS row`
  return {
    /** Shows whether a connection is good for a link. */
    probe: `SELECT ${session(s)} FROM (TABLE ${s}.coherence LIMIT 1) c, (TABLE ${s}.fleet LIMIT 1) f`,

    /** $1 instance, $2 session */
    beat: call(`${s}.beat($1::text, $2::text)`),

    /** $1 instance, $2 session, $3 epoch, $4 history */
    acknowledge: call(`${s}.acknowledge($1::text, $2::text, $3::bigint, $4::text)`),

    /** $1 epoch, $2 history */
    catchUp: call(`${s}.catch_up($1::bigint, $2::text)`),

    /** $1 epoch */
    readFleet: call(`${s}.read_fleet($1::bigint)`),

    /** $1 instance, $2 label, $3 holds, $4 session or null */
    attach: call(`to_json(${s}.attach($1::text, $2::text, $3::double precision, $4::text))::text`),

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
