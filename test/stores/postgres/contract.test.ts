import { Pool } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { openDatabase } from '../../harness/database.ts'
import { startPostgres } from '../../servers/index.ts'
import { coherenceContract, keyStoreContract } from '../contract.ts'

async function onServer() {
  const server = await startPostgres()
  const pool = new Pool({ connectionString: server.connectionString })
  pool.on('error', () => {})
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  return {
    store,
    async close() {
      await pool.end()
      await server.stop()
    },
  }
}

async function onPglite() {
  const { pool, close } = await openDatabase()
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  return { store, close }
}

keyStoreContract('PostgresKeyStore', { open: onServer })
coherenceContract('PostgresKeyStore', { kind: 'fleet', open: onServer })
keyStoreContract('PostgresKeyStore on PGlite', { open: onPglite })
coherenceContract('PostgresKeyStore on PGlite', { kind: 'fleet', open: onPglite })
