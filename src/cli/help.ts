/** What `--help` teaches. */
export const HELP = `Administers tenant API keys.

Usage: fastify-tenant-auth <command> [options]

Commands
  migrate                       Creates or updates the tables (PostgreSQL; Redis needs none)
  tenants create                --name <name> [--id <id>]
  keys create                   --tenant <id> --name <name> --env <environment>
                                [--scope <scope>]... [--expires <when>] [--key-prefix <tk>]
                                [--idempotency-key <text>]
  keys list                     --tenant <id>
  keys rotate <key id>          [--grace <duration>] [--expires <when>] [--idempotency-key <text>]
  keys revoke <key id>
  keys identify                 Whose the key on standard input is, and what has become of it
  keys import                   --tenant <id> --name <name> --env <environment>
                                [--scope <scope>]... [--expires <when>]
                                [--hash <sha256> --start <first> --last4 <last>]

Where the keys are
  DATABASE_URL                  postgres://user:password@host/database (takes the package pg)
  REDIS_URL                     redis://host:6379 (takes the package redis); DATABASE_URL goes first
  --schema <name>               PostgreSQL schema of the tables (tenant_auth)
  --redis-prefix <text>         What the names in Redis begin with (tenant-auth)

Values
  <when>                        30d, 2027-01-31, 2027-01-31T12:00:00Z or never
  <duration>                    90s, 15m, 24h, 30d or 2w
  <scope>                       One: repeat --scope for more
  --json                        For programs: one JSON object on standard output, or on standard
                                error {"error":{"code":"...","message":"..."}}
  --created-by <text>           Who is noted as the maker of a key (your user name)
  --version                     Says which version this is

A new key is written to standard output once and alone, all else to standard error. If it cannot be
written, exit code 1 and standard error say which key to revoke.

  fastify-tenant-auth keys create --tenant acme --name billing --env live --expires 90d \\
    | vault kv put secret/billing api_key=-

To rotate, create, deploy, revoke: the old key stays valid until you revoke it or its grace is over.

  fastify-tenant-auth keys rotate key_0a1b... --grace 24h > new-key
  fastify-tenant-auth keys revoke key_0a1b...

"revoke" returns when no running instance accepts the key any more, and says how it knows.

"import" takes in a key that was made elsewhere. It reads the key from standard input (never from an
argument, which other users can see) and stores its hash; or give it the hash, and the key's first
and last characters to show. Keys of another form take keyFormat: 'any' at tenantAuth.

Exit codes
  0 done        1 failed                      2 wrong usage or setting
  3 not found   4 conflict (revoked, exists)  5 store unavailable
`
