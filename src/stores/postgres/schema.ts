/** The migration: the versions of the tables, and how a database gets to the last one. */
import { badOption } from '../../http/errors.ts'
import { versionOne } from './version-1.ts'
import { versionTwo } from './version-2.ts'

/** The default schema. */
export const DEFAULT_SCHEMA = 'tenant_auth'
/** The channel of NOTIFY. The payload is the epoch, a space, and the schema, because a database may have several. */
export const CHANNEL = 'fastify_tenant_auth'

/** Names that need no escaping between quotes of any kind. */
const SCHEMA_PATTERN = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/

/** @throws `TENANT_AUTH_BAD_OPTION` if the name cannot be part of a statement as it is */
export function checkSchema(schema: unknown): string {
  if (typeof schema !== 'string' || !SCHEMA_PATTERN.test(schema)) {
    throw badOption('schema', 'a name of at most 63 letters, digits, _ and -, no digit or - first')
  }
  return schema
}

/** What each version adds, each in its own file. A version never changes after its release. */
const VERSIONS = [versionOne, versionTwo]

/**
 * The whole migration as one statement of plain SQL. Run it as it is, or give it to a migration tool. It is idempotent,
 * applies the versions that are missing, and may run in several places at once.
 *
 * It creates what is missing and fails if a name is taken; it never replaces or changes what it did not create.
 *
 * ```ts
 * await writeFile('migrations/001-tenant-auth.sql', migrationSql())
 * ```
 *
 * @param schema default: `tenant_auth`
 */
export function migrationSql(schema: string = DEFAULT_SCHEMA): string {
  checkSchema(schema)
  return `DO $migrate$
BEGIN
-- One at a time. Each statement below sees what was committed before it began.
PERFORM pg_advisory_xact_lock(hashtext('${CHANNEL}'), hashtext('${schema}'));
IF to_regnamespace('"${schema}"') IS NULL THEN
CREATE SCHEMA "${schema}";
END IF;
IF to_regclass('"${schema}".tenant_auth_migrations') IS NULL THEN
CREATE TABLE "${schema}".tenant_auth_migrations (
  version integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);
END IF;
${VERSIONS.map((version, i) => step(schema, i + 1, version(`"${schema}"`, CHANNEL))).join('\n')}
END
$migrate$;
`
}

function step(schema: string, version: number, sql: string): string {
  return `IF NOT EXISTS (SELECT FROM "${schema}".tenant_auth_migrations WHERE version = ${version}) THEN
${sql}
INSERT INTO "${schema}".tenant_auth_migrations (version) VALUES (${version});
END IF;`
}
