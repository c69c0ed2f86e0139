/**
 * Imports existing keys from a file of their hashes: `npx tsx examples/import-keys.ts keys.csv`.
 *
 * A line is `tenant,name,environment,hash,start,last4,scopes,expires`. The last two may be empty, scopes are separated by
 * spaces, and no field contains a comma. You can run it again: what exists stays as it is.
 *
 * The hashes are SHA-256 unless the store has another `keyHash`. Salted hashes and bcrypt's cannot be imported.
 */
import { readFileSync } from 'node:fs'
import {
  KeyManager,
  MemoryKeyStore,
  PostgresKeyStore,
  TenantAuthError,
  type WritableKeyStore,
} from 'fastify-tenant-auth'
import { Pool } from 'pg'

const [file = ''] = process.argv.slice(2)
const { DATABASE_URL } = process.env

const pool = DATABASE_URL === undefined ? undefined : new Pool({ connectionString: DATABASE_URL })
// Without a database, it is a dry run.
const keyStore: WritableKeyStore = pool === undefined ? new MemoryKeyStore() : new PostgresKeyStore({ pool })
const manager = new KeyManager(keyStore, { environments: ['live', 'test'] })
const counts = { imported: 0, there: 0, refused: 0 }

for (const [index, line] of readFileSync(file, 'utf8').split(/\r?\n/).entries()) {
  if (line.trim() === '') continue
  const [
    tenantId = '',
    name = '',
    environment = '',
    hash = '',
    start = '',
    last4 = '',
    scopes = '',
    expires = '',
  ] = line.split(',')
  try {
    await manager.createTenant({ id: tenantId, name: tenantId }).catch(passOver('TENANT_EXISTS'))
    await manager.import({
      tenantId,
      name,
      environment,
      hash,
      start,
      last4,
      scopes: scopes.split(' ').filter(Boolean),
      expiresAt: expires === '' ? null : new Date(expires),
    })
    counts.imported++
  } catch (error) {
    if (error instanceof TenantAuthError && error.code === 'KEY_EXISTS') counts.there++
    else {
      counts.refused++
      console.error(`line ${index + 1}: ${error instanceof Error ? error.message : 'refused'}`)
    }
  }
}
console.log(`${counts.imported} imported, ${counts.there} there already, ${counts.refused} refused`)
await pool?.end()
process.exitCode = counts.refused > 0 ? 1 : 0

function passOver(code: TenantAuthError['code']) {
  return (error: unknown): void => {
    if (!(error instanceof TenantAuthError) || error.code !== code) throw error
  }
}
