/**
 * Version 2: proof of where an answer comes from, and an idle fleet that writes nothing.
 *
 * - `coherence.stamp` names the transaction that wrote the row. It equals the row's `xmin` only if our functions wrote
 *   it. After a dump of data alone, a COPY, an UPDATE by hand or logical replication it differs: the history then has
 *   another name, and the next change sets a new tag.
 * - `fleet` holds what instances share beside their rows. `roster` changes whenever rows vanish other than by `leave`
 *   and `reap`. `settled` names the history and roster for which a process has waited for instances without rows.
 * - A row of `instances` belongs to a `session`, created here, so that two processes with one id cannot act for each
 *   other.
 * - A key that no instance can have looked up (`tenant_auth.fresh`), and a new tenant, which has no keys, raise no
 *   epoch.
 * - NOTIFY makes things fast, and must not fail a write. A transaction that has sent one cannot be prepared, and a full
 *   queue fails the commit. The functions leave it out if either may happen.
 * - Deleting a key that has ended resets only the caches that have yet to learn of its end. `fleet.forgotten` is the
 *   last change of any deleted key: an instance that has not caught up with it cannot be told everything that changed.
 *
 * Instances of version 0.1.0 still work: their statements call `register`, `adopt_settings`, `reach` and `history`, and
 * count `beats`. They leave and reap without these functions, which makes a new roster.
 */

import { fleetFunctions } from './fleet-functions.ts'

export function versionTwo(s: string, channel: string): string {
  const definer = `LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${s}, pg_temp`
  const invoker = `LANGUAGE plpgsql SET search_path = ${s}, pg_temp`
  return `
-- Keys are changed and looked up at the same time. A write locks keys before coherence, a heartbeat of 0.1.0 the other way
-- round. So lock all tables or none: a migration that gives up quickly blocks nobody and cannot deadlock.
DECLARE
  patience text := current_setting('lock_timeout');
BEGIN
  FOR attempt IN 1..200 LOOP
    BEGIN
      PERFORM set_config('lock_timeout', '100ms', true);
      LOCK TABLE ${s}.tenants, ${s}.keys, ${s}.coherence, ${s}.instances IN ACCESS EXCLUSIVE MODE;
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      IF attempt = 200 THEN
        RAISE;
      END IF;
      PERFORM pg_sleep(0.05);
    END;
  END LOOP;
  PERFORM set_config('lock_timeout', patience, true);
END;

ALTER TABLE ${s}.coherence ADD COLUMN stamp xid;
ALTER TABLE ${s}.instances ADD COLUMN session text;

-- One row. max_holds: no instance may serve for longer than this.
CREATE TABLE ${s}.fleet (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  roster text NOT NULL DEFAULT gen_random_uuid(),
  settled text,
  forgotten bigint NOT NULL DEFAULT -1,
  max_holds double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO ${s}.fleet (max_holds) SELECT c.max_holds FROM ${s}.coherence c;

-- The history that an epoch belongs to. After the tag come the server's timeline (new after a failover or a point-in-time
-- restore), the server, the table itself (new after a restore from a dump), and who wrote the row.
CREATE OR REPLACE FUNCTION ${s}.history() RETURNS text STABLE ${invoker} AS $f$
DECLARE
  identifier text := current_setting('tenant_auth.server', true);
  server text := '';
BEGIN
  IF identifier <> '' THEN
    server := left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.' || identifier;
  ELSE
    BEGIN
      server := left(pg_walfile_name(pg_current_wal_lsn()), 8);
      -- This reads a file. Once per connection is enough, because a connection never changes its server.
      SELECT set_config('tenant_auth.server', system_identifier::text, false) INTO identifier FROM pg_control_system();
      server := server || '.' || identifier;
    EXCEPTION WHEN OTHERS THEN
      NULL; -- Some hosted servers do not say.
    END;
  END IF;
  RETURN (
    SELECT '.' || server || '.' || 'coherence'::regclass::oid
      || CASE WHEN c.stamp = c.xmin THEN '' ELSE '.foreign.' || c.xmin END
    FROM coherence c LIMIT 1
  );
END $f$;

-- The only function that changes the row of coherence. In a subtransaction, xmin differs from the transaction's own id.
CREATE FUNCTION ${s}.advance(p_epochs integer, p_forget boolean) RETURNS bigint ${invoker} AS $f$
DECLARE
  raised bigint;
  stamped boolean;
BEGIN
  UPDATE coherence c SET
    epoch = c.epoch + p_epochs,
    tag = CASE WHEN p_forget OR c.stamp IS DISTINCT FROM c.xmin THEN gen_random_uuid()::text ELSE c.tag END,
    stamp = pg_current_xact_id()::xid
    RETURNING c.epoch, c.xmin = c.stamp INTO raised, stamped;
  IF raised IS NULL THEN
    RAISE 'the row of % is missing: no change can be made known', current_schema || '.coherence';
  END IF;
  IF NOT stamped THEN
    UPDATE coherence c SET stamp = c.xmin;
  END IF;
  RETURN raised;
END $f$;

CREATE OR REPLACE FUNCTION ${s}.raise_epoch() RETURNS trigger ${definer} AS $f$
DECLARE
  raised bigint;
BEGIN
  PERFORM require_durability();
  IF TG_OP = 'INSERT' AND (TG_TABLE_NAME = 'tenants' OR current_setting('tenant_auth.fresh', true) = 'on') THEN
    RETURN NULL;
  END IF;
  raised := advance(1, TG_OP = 'TRUNCATE');
  IF current_setting('max_prepared_transactions') = '0' AND pg_notification_queue_usage() < 0.5 THEN
    PERFORM pg_notify('${channel}', raised || ' ' || TG_TABLE_SCHEMA);
  END IF;
  RETURN NULL;
END $f$;

-- A tenant's keys are deleted with it, before this is called for the tenant. Instances of 0.1.0 do not know forgotten.
CREATE OR REPLACE FUNCTION ${s}.forget_history() RETURNS trigger ${definer} AS $f$
DECLARE
  forgets boolean;
BEGIN
  IF TG_TABLE_NAME = 'tenants' THEN
    SELECT EXISTS (SELECT FROM keys k JOIN deleted d ON d.id = k.tenant_id) INTO forgets;
  ELSE
    SELECT EXISTS (
      SELECT FROM deleted d WHERE EXISTS (SELECT FROM instances i WHERE i.session IS NULL)
        OR d.revoked_at IS NULL AND (d.expires_at > clock_timestamp()) IS NOT FALSE
    ) INTO forgets;
    UPDATE fleet f SET forgotten = d.last
      FROM (SELECT max(d.epoch) AS last FROM deleted d) d WHERE d.last > f.forgotten;
  END IF;
  IF forgets THEN
    PERFORM advance(0, true);
  END IF;
  RETURN NULL;
END $f$;

CREATE OR REPLACE FUNCTION ${s}.reset_caches() RETURNS void ${invoker} AS $f$
BEGIN
  PERFORM advance(1, true);
END $f$;

-- Rows of instances that vanish in another way than leave and reap: nobody knows any longer whom to wait for.
CREATE FUNCTION ${s}.lost_rows() RETURNS trigger ${definer} AS $f$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF current_setting('tenant_auth.parting', true) = 'on' OR NOT EXISTS (SELECT FROM deleted) THEN
      RETURN NULL;
    END IF;
  END IF;
  UPDATE fleet SET roster = gen_random_uuid();
  RETURN NULL;
END $f$;
CREATE TRIGGER lost_rows AFTER DELETE ON ${s}.instances REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.lost_rows();
CREATE TRIGGER lost_all_rows AFTER TRUNCATE ON ${s}.instances
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.lost_rows();
ALTER TABLE ${s}.instances ENABLE ALWAYS TRIGGER lost_rows;
ALTER TABLE ${s}.instances ENABLE ALWAYS TRIGGER lost_all_rows;

-- A row that somebody puts back comes from another time.
CREATE FUNCTION ${s}.new_roster() RETURNS trigger ${invoker} AS $f$
BEGIN
  NEW.roster := gen_random_uuid();
  NEW.settled := NULL;
  RETURN NEW;
END $f$;
CREATE TRIGGER new_roster BEFORE INSERT ON ${s}.fleet FOR EACH ROW EXECUTE FUNCTION ${s}.new_roster();
ALTER TABLE ${s}.fleet ENABLE ALWAYS TRIGGER new_roster;

-- An instance that may serve for longer than any before waits for the writes under way, because they have read the old
-- max_holds. So it registers after them and sees them. FOR KEY SHARE keeps out settle until the commit, and nothing else.
CREATE FUNCTION ${s}.promise_holds(p_holds double precision) RETURNS void ${invoker} AS $f$
DECLARE
  promised double precision;
BEGIN
  SELECT f.max_holds INTO promised FROM fleet f FOR KEY SHARE;
  IF promised IS NULL THEN
    RAISE 'the row of % is missing: no instance can register', current_schema || '.fleet';
  END IF;
  IF promised < p_holds THEN
    PERFORM FROM coherence FOR SHARE;
    UPDATE fleet f SET max_holds = p_holds WHERE f.max_holds < p_holds;
  END IF;
END $f$;

-- Adds an instance, or takes over its row if it knows the row's session. Returns the new session, or NULL if it does not.
-- The row must survive a crash, but need not reach a standby: after a failover the history is a different one anyway.
CREATE FUNCTION ${s}.attach(p_instance text, p_label text, p_holds double precision, p_session text)
RETURNS text ${invoker} SET lock_timeout = '1s' AS $f$
DECLARE
  made text := gen_random_uuid();
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM promise_holds(p_holds);
  IF p_session IS NULL THEN
    INSERT INTO instances (instance, label, holds, acknowledged, beats, session)
      VALUES (p_instance, p_label, p_holds, -1, floor(random() * 1e15), made)
      ON CONFLICT (instance) DO NOTHING;
  ELSE
    UPDATE instances i SET label = p_label, holds = p_holds, beats = i.beats + 1, session = made, seen_at = now()
      WHERE i.instance = p_instance AND i.session = p_session;
  END IF;
  RETURN CASE WHEN FOUND THEN made END;
END $f$;

-- Lowers max_holds once nobody holds for so long. Only if no row was lost, and if each statement sees who has registered.
CREATE FUNCTION ${s}.lower_holds() RETURNS void ${invoker} AS $f$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed'
    OR (SELECT f.max_holds FROM fleet f) <= (SELECT coalesce(max(i.holds), 0) FROM instances i) THEN
    RETURN;
  END IF;
  PERFORM FROM fleet f FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    UPDATE fleet f SET max_holds = (SELECT coalesce(max(i.holds), 0) FROM instances i)
      FROM coherence c WHERE f.settled = c.tag || history() || '/' || f.roster;
  END IF;
END $f$;

CREATE FUNCTION ${s}.leave(p_instance text, p_session text) RETURNS void ${invoker} AS $f$
BEGIN
  PERFORM set_config('tenant_auth.parting', 'on', true);
  DELETE FROM instances i WHERE i.instance = p_instance AND i.session = p_session;
  PERFORM set_config('tenant_auth.parting', '', true);
  PERFORM lower_holds();
END $f$;

-- Removes the rows of instances that certainly serve nothing, if no row was lost since they were read.
CREATE FUNCTION ${s}.reap(p_instances text[], p_epoch bigint, p_history text, p_roster text)
RETURNS SETOF text ${invoker} SET lock_timeout = '1s' AS $f$
BEGIN
  PERFORM set_config('tenant_auth.parting', 'on', true);
  RETURN QUERY
    DELETE FROM instances i USING coherence c, fleet f
    WHERE i.instance = ANY (p_instances) AND (i.acknowledged < p_epoch OR i.acknowledged > c.epoch)
      AND c.tag || history() = p_history AND f.roster = p_roster
    RETURNING i.instance;
  PERFORM set_config('tenant_auth.parting', '', true);
  PERFORM lower_holds();
END $f$;

CREATE FUNCTION ${s}.settle(p_history text, p_roster text) RETURNS void ${invoker} SET lock_timeout = '1s' AS $f$
BEGIN
  -- Keeps out instances that register. The next statement sees what they have committed.
  PERFORM FROM fleet f WHERE f.roster = p_roster FOR UPDATE;
  UPDATE fleet f SET
    settled = p_history || '/' || p_roster,
    max_holds = (SELECT coalesce(max(i.holds), 0) FROM instances i)
  FROM coherence c WHERE f.roster = p_roster AND c.tag || history() = p_history
    AND f.settled IS DISTINCT FROM p_history || '/' || p_roster;
END $f$;

-- Whom a write must reach. Called in the write's own statement, after its trigger has locked the row of coherence.
CREATE FUNCTION ${s}.mark() RETURNS json ${invoker} AS $f$
BEGIN
  RETURN (
    SELECT json_build_object('epoch', c.epoch, 'history', c.tag || history(),
      'quiet', current_setting('max_prepared_transactions') <> '0' OR pg_notification_queue_usage() >= 0.5, 'reach', json_build_object(
      'holds', f.max_holds, 'instances', (SELECT count(*) FROM instances)))
    FROM (TABLE coherence LIMIT 1) c, (TABLE fleet LIMIT 1) f
  );
END $f$;

${fleetFunctions(s)}
-- In an encoding other than UTF-8, some texts would be stored as different ones.
CREATE FUNCTION ${s}.require_utf8() RETURNS boolean ${invoker} AS $f$
BEGIN
  IF current_setting('client_encoding') NOT IN ('UTF8', 'SQL_ASCII') THEN
    RAISE 'client_encoding is %', current_setting('client_encoding') USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  RETURN true;
END $f$;

-- For instances of version 0.1.0.
CREATE OR REPLACE FUNCTION ${s}.reach() RETURNS json ${invoker} AS $f$
BEGIN
  RETURN json_build_object(
    'history', history(),
    'holds', (SELECT f.max_holds FROM fleet f),
    'instances', (SELECT count(*) FROM instances)
  );
END $f$;

CREATE OR REPLACE FUNCTION ${s}.register(
  p_instance text, p_label text, p_holds double precision, p_lease integer, p_heartbeat integer
) RETURNS boolean ${invoker} SET lock_timeout = '1s' AS $f$
BEGIN
  PERFORM require_durability();
  PERFORM FROM coherence c WHERE c.lease_ms = p_lease AND c.heartbeat_ms = p_heartbeat FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM promise_holds(p_holds);
  INSERT INTO instances AS i (instance, label, holds, acknowledged, beats)
    VALUES (p_instance, p_label, p_holds, -1, floor(random() * 1e15))
    ON CONFLICT (instance) DO UPDATE
      SET label = p_label, holds = p_holds, acknowledged = -1, beats = i.beats + 1, seen_at = now();
  RETURN true;
END $f$;

CREATE OR REPLACE FUNCTION ${s}.adopt_settings(p_lease integer, p_heartbeat integer)
RETURNS boolean ${invoker} SET lock_timeout = '1s' AS $f$
BEGIN
  PERFORM FROM coherence FOR UPDATE;
  IF EXISTS (SELECT FROM instances) THEN
    RETURN false;
  END IF;
  UPDATE coherence SET lease_ms = p_lease, heartbeat_ms = p_heartbeat;
  PERFORM advance(0, false);
  RETURN true;
END $f$;

ALTER TABLE ${s}.keys
  ADD COLUMN paused_at timestamptz(3),
  ADD COLUMN networks text[],
  DROP CONSTRAINT keys_hash_sha256,
  -- As long as the hashes of the store's keyHash. Existing ones have 32 bytes.
  ADD CONSTRAINT keys_hash_length CHECK (octet_length(hash) BETWEEN 32 AND 64) NOT VALID,
  ADD CONSTRAINT keys_networks_not_null CHECK (array_position(networks, NULL) IS NULL) NOT VALID,
  ADD CONSTRAINT keys_pause_finite CHECK (isfinite(paused_at)) NOT VALID;

-- From here on the row is version 2's.
PERFORM ${s}.advance(0, false);
`
}
