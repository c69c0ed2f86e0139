/**
 * The tables, and the triggers that make revocation coherent whoever writes: this package, another service, or a person
 * with psql.
 *
 * - Every statement that changes keys or tenants raises `coherence.epoch` in its own transaction, and stamps the rows
 *   that it changes with the new epoch. The row lock on `coherence`, held until the commit, makes changes commit one
 *   after the other: a reader that sees epoch `n` sees all changes up to `n`. A sequence or a timestamp would not do,
 *   because later values can become visible first.
 * - The statement trigger fires before the rows are touched, so every writer locks `coherence` first and rows after: no
 *   deadlocks between writers.
 * - A deleted row cannot say when it was deleted, so deleting changes the tag instead, and every cache is dropped.
 * - `last_used_at` has its own table, without triggers.
 *
 * Triggers run with the rights of the role that migrated, so that a role needs no rights on `coherence` to change a key.
 */

/** Function bodies find names by the function's own search path, with temporary tables last. */
export function versionOne(s: string, channel: string): string {
  const definer = `LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${s}, pg_temp`
  const invoker = `LANGUAGE plpgsql SET search_path = ${s}, pg_temp`
  return `
CREATE TABLE ${s}.tenants (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  metadata json NOT NULL DEFAULT '{}',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  suspended_at timestamptz(3),
  epoch bigint NOT NULL,
  CONSTRAINT tenants_metadata_object CHECK (json_typeof(metadata) = 'object'),
  CONSTRAINT tenants_times_finite CHECK (isfinite(created_at) AND isfinite(suspended_at))
);
CREATE INDEX tenants_epoch ON ${s}.tenants (epoch);

CREATE TABLE ${s}.keys (
  id text COLLATE "C" PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  hash bytea NOT NULL,
  name text NOT NULL,
  environment text NOT NULL DEFAULT '',
  scopes text[] NOT NULL DEFAULT '{}',
  metadata json NOT NULL DEFAULT '{}',
  start text NOT NULL DEFAULT '',
  last4 text NOT NULL DEFAULT '',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  created_by text,
  expires_at timestamptz(3),
  revoked_at timestamptz(3),
  epoch bigint NOT NULL,
  CONSTRAINT keys_tenant FOREIGN KEY (tenant_id) REFERENCES ${s}.tenants (id) ON DELETE CASCADE,
  CONSTRAINT keys_hash UNIQUE (hash),
  CONSTRAINT keys_hash_sha256 CHECK (octet_length(hash) = 32),
  CONSTRAINT keys_scopes_not_null CHECK (array_position(scopes, NULL) IS NULL),
  CONSTRAINT keys_metadata_object CHECK (json_typeof(metadata) = 'object'),
  CONSTRAINT keys_times_finite CHECK (isfinite(created_at) AND isfinite(expires_at) AND isfinite(revoked_at))
);
CREATE INDEX keys_of_tenant ON ${s}.keys (tenant_id, created_at, id);
CREATE INDEX keys_epoch ON ${s}.keys (epoch);

CREATE TABLE ${s}.key_usage (
  key_id text COLLATE "C" PRIMARY KEY REFERENCES ${s}.keys (id) ON DELETE CASCADE,
  last_used_at timestamptz(3) NOT NULL
) WITH (fillfactor = 50);

-- One row. max_holds: the longest time for which any instance ever said that it may serve; it is never lowered.
CREATE TABLE ${s}.coherence (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch bigint NOT NULL DEFAULT 0,
  tag text NOT NULL DEFAULT gen_random_uuid(),
  lease_ms integer NOT NULL DEFAULT 2000,
  heartbeat_ms integer NOT NULL DEFAULT 500,
  max_holds double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO ${s}.coherence DEFAULT VALUES;

-- Logged, because a confirmation that finds no row takes the instance for gone: a crash must not empty this table.
-- seen_at is for people. Nothing is decided by it.
CREATE TABLE ${s}.instances (
  instance text COLLATE "C" PRIMARY KEY,
  label text NOT NULL,
  holds double precision NOT NULL,
  acknowledged bigint NOT NULL,
  beats bigint NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What a client was told must survive a crash of the server, even where the application has given that up for its own
-- transactions: an epoch that is lost would be given out again, for another change.
CREATE FUNCTION ${s}.require_durability() RETURNS void ${invoker} AS $f$
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END $f$;

CREATE FUNCTION ${s}.raise_epoch() RETURNS trigger ${definer} AS $f$
DECLARE
  raised bigint;
BEGIN
  PERFORM require_durability();
  IF TG_OP = 'TRUNCATE' THEN
    UPDATE coherence SET epoch = epoch + 1, tag = gen_random_uuid() RETURNING epoch INTO raised;
  ELSE
    UPDATE coherence SET epoch = epoch + 1 RETURNING epoch INTO raised;
  END IF;
  IF raised IS NULL THEN
    RAISE 'the row of % is missing: no change can be made known', TG_TABLE_SCHEMA || '.coherence';
  END IF;
  PERFORM pg_notify('${channel}', raised || ' ' || TG_TABLE_SCHEMA);
  RETURN NULL;
END $f$;

-- A statement that matched no row has deleted nothing, and no cache has to start over for it.
CREATE FUNCTION ${s}.forget_history() RETURNS trigger ${definer} AS $f$
BEGIN
  IF EXISTS (SELECT FROM deleted) THEN
    UPDATE coherence SET tag = gen_random_uuid();
  END IF;
  RETURN NULL;
END $f$;

-- Each query in here has a snapshot of its own, which sees what raise_epoch has written a moment ago.
CREATE FUNCTION ${s}.stamp_key() RETURNS trigger ${definer} AS $f$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.id, NEW.tenant_id, NEW.hash) IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.hash) THEN
      RAISE 'the id, tenant and hash of a key cannot change' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF OLD.revoked_at IS NOT NULL THEN
      IF NEW.revoked_at IS NULL THEN
        RAISE 'a revoked key stays revoked' USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      NEW.revoked_at := OLD.revoked_at;
    END IF;
  END IF;
  SELECT c.epoch INTO STRICT NEW.epoch FROM coherence c;
  RETURN NEW;
END $f$;

CREATE FUNCTION ${s}.stamp_tenant() RETURNS trigger ${definer} AS $f$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.id IS DISTINCT FROM OLD.id THEN
    RAISE 'the id of a tenant cannot change' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  SELECT c.epoch INTO STRICT NEW.epoch FROM coherence c;
  RETURN NEW;
END $f$;

CREATE TRIGGER raise_epoch BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${s}.keys
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.raise_epoch();
CREATE TRIGGER raise_epoch BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${s}.tenants
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.raise_epoch();
CREATE TRIGGER forget_history AFTER DELETE ON ${s}.keys REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.forget_history();
CREATE TRIGGER forget_history AFTER DELETE ON ${s}.tenants REFERENCING OLD TABLE AS deleted
  FOR EACH STATEMENT EXECUTE FUNCTION ${s}.forget_history();
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON ${s}.keys
  FOR EACH ROW EXECUTE FUNCTION ${s}.stamp_key();
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON ${s}.tenants
  FOR EACH ROW EXECUTE FUNCTION ${s}.stamp_tenant();
-- Also where session_replication_role would switch triggers off.
ALTER TABLE ${s}.keys ENABLE ALWAYS TRIGGER raise_epoch;
ALTER TABLE ${s}.tenants ENABLE ALWAYS TRIGGER raise_epoch;
ALTER TABLE ${s}.keys ENABLE ALWAYS TRIGGER forget_history;
ALTER TABLE ${s}.tenants ENABLE ALWAYS TRIGGER forget_history;
ALTER TABLE ${s}.keys ENABLE ALWAYS TRIGGER stamp;
ALTER TABLE ${s}.tenants ENABLE ALWAYS TRIGGER stamp;

-- Which history an epoch belongs to: the tag, the server's timeline (another one after a failover or a restore to a
-- point in time), the server itself, and the very table (others after a restore from a dump).
CREATE FUNCTION ${s}.history() RETURNS text ${invoker} AS $f$
DECLARE
  server text := '';
BEGIN
  BEGIN
    server := left(pg_walfile_name(pg_current_wal_lsn()), 8);
    server := server || '.' || system_identifier FROM pg_control_system();
  EXCEPTION WHEN OTHERS THEN
    NULL; -- Some hosted servers do not say.
  END;
  RETURN '.' || server || '.' || 'coherence'::regclass::oid;
END $f$;

-- What a write has to reach. Called in the write's own statement, after its trigger has locked the row of coherence:
-- who raises max_holds waits for that lock, and so registers after the write and sees it.
CREATE FUNCTION ${s}.reach() RETURNS json ${invoker} AS $f$
BEGIN
  RETURN json_build_object(
    'history', history(),
    'holds', (SELECT c.max_holds FROM coherence c),
    'instances', (SELECT count(*) FROM instances)
  );
END $f$;

-- Adds an instance, if it has the settings of the fleet. FOR KEY SHARE keeps adopt_settings out until the commit, and
-- is not in the way of writes, which change no key column of coherence.
CREATE FUNCTION ${s}.register(
  p_instance text, p_label text, p_holds double precision, p_lease integer, p_heartbeat integer
) RETURNS boolean ${invoker} SET lock_timeout = '1s' AS $f$
BEGIN
  PERFORM require_durability();
  PERFORM FROM coherence c WHERE c.lease_ms = p_lease AND c.heartbeat_ms = p_heartbeat FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE coherence SET max_holds = p_holds WHERE max_holds < p_holds;
  -- beats starts anywhere, so that a count seen in an earlier row of the same instance never fits a later one.
  INSERT INTO instances AS i (instance, label, holds, acknowledged, beats)
    VALUES (p_instance, p_label, p_holds, -1, floor(random() * 1e15))
    ON CONFLICT (instance) DO UPDATE
      SET label = p_label, holds = p_holds, acknowledged = -1, beats = i.beats + 1, seen_at = now();
  RETURN true;
END $f$;

-- Changes the settings of the fleet, which only an empty one allows.
CREATE FUNCTION ${s}.adopt_settings(p_lease integer, p_heartbeat integer)
RETURNS boolean ${invoker} SET lock_timeout = '1s' AS $f$
BEGIN
  PERFORM FROM coherence FOR UPDATE;
  IF EXISTS (SELECT FROM instances) THEN
    RETURN false;
  END IF;
  UPDATE coherence SET lease_ms = p_lease, heartbeat_ms = p_heartbeat;
  RETURN true;
END $f$;

-- For people: makes every cache start over. To be called after data was put back in a way that left these tables.
CREATE FUNCTION ${s}.reset_caches() RETURNS void ${invoker} AS $f$
BEGIN
  UPDATE coherence SET epoch = epoch + 1, tag = gen_random_uuid();
END $f$;
`
}
