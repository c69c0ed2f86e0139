/** The store of docs/writing-a-store.md meets the contract of stores. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coherenceContract, keyStoreContract } from 'fastify-tenant-auth/testing'
import { type SqliteDatabase, SqliteKeyStore } from '../../examples/sqlite-store.ts'

interface Sqlite {
  DatabaseSync: new (path: string) => SqliteDatabase & { close(): void }
}

// Neither Node 20 nor its types have it.
const sqlite: string = 'node:sqlite'
const library = (await import(sqlite).catch(() => null)) as Sqlite | null

if (library === null) {
  test('only Node 20 lacks SQLite', () => assert.match(process.version, /^v20\./))
} else {
  const open = async () => {
    const database = new library.DatabaseSync(':memory:')
    return { store: new SqliteKeyStore(database), close: () => database.close() }
  }
  keyStoreContract('SqliteKeyStore', { open })
  coherenceContract('SqliteKeyStore', { kind: 'local', open })
}
