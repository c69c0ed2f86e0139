import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pool } from 'pg'
import {
  migrationSql,
  type PostgresKeyStoreOptions,
  PostgresKeyStore,
} from '../../../src/stores/postgres/index.ts'
import { assertBounds } from '../../harness/bounds.ts'
import { openDatabase } from '../../harness/database.ts'

const CACHE = { staleIfError: 0, onChanged: () => {}, onReset: () => {} }

describe('PostgresKeyStore', () => {
  const pool = new Pool()

  /** Expects these options to be refused with this message. */
  const refused = (options: Record<string, unknown>, message: RegExp) =>
    assert.throws(() => new PostgresKeyStore({ pool, ...options }), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message,
    })

  const accepted = (options: PostgresKeyStoreOptions) =>
    assert.ok(new PostgresKeyStore(options) instanceof PostgresKeyStore)

  it('needs only a pool', () => {
    const { coherence } = new PostgresKeyStore({ pool })
    assert.deepEqual([coherence.kind, coherence.lease, coherence.heartbeat], ['fleet', 2_000, 500])
  })

  it('accepts anything that can query as its pool', async () => {
    const { pool: pglite, close } = await openDatabase()
    accepted({ pool: pglite })
    await close()
    accepted({ pool: { query: async () => ({ rows: [] }) } })
    accepted({ pool: new Pool({ max: 2 }) })
  })

  it('refuses an unknown option', () => {
    refused(
      { heartBeat: 100 },
      /^heartBeat is not an option of PostgresKeyStore, which takes pool, schema, lease,/,
    )
  })

  it('refuses a keyHash that is not a function', () => {
    refused({ keyHash: 'sha512' }, /^keyHash must be a function/)
  })

  it('refuses a pool that cannot query', () => {
    for (const pool of [undefined, null, {}, 'postgres://'])
      refused({ pool }, /^pool must be a pool of pg, or/)
  })

  it('refuses to let a cache join through a pool of one connection', () => {
    const { coherence } = new PostgresKeyStore({ pool: new Pool({ max: 1 }) })
    assert.throws(() => coherence.join(CACHE), {
      code: 'TENANT_AUTH_BAD_OPTION',
      message: /^pool must be a pool whose max is 2 or more/,
    })
  })

  it('refuses to let a cache join when other stores would leave it no connection', async () => {
    const pool = new Pool({ max: 2, port: 1 })
    const [one, two] = [new PostgresKeyStore({ pool }), new PostgresKeyStore({ pool, schema: 'two' })]
    const first = one.coherence.join(CACHE)
    const second = one.coherence.join(CACHE)
    assert.throws(() => two.coherence.join(CACHE), { message: /whose max is 3 or more/ })
    await Promise.all([first.close(), second.close()])
    await two.coherence.join(CACHE).close()
  })

  it('refuses a schema that is not a plain name', () => {
    for (const schema of [
      '',
      '1a',
      '-a',
      'a b',
      'a"; DROP SCHEMA public; --',
      `a'`,
      'a$migrate$',
      'ä',
      'a\0',
      'a.b',
      'x'.repeat(64),
      null,
      7,
    ]) {
      refused({ schema }, /^schema must be a name of at most 63/)
      assert.throws(() => migrationSql(schema as string), { code: 'TENANT_AUTH_BAD_OPTION' })
    }
  })

  it('refuses a lease that is out of range', () => {
    for (const lease of [99, 600_001, 1_000.5, NaN, '2000', null])
      refused({ lease }, /^lease must be a whole number/)
    accepted({ pool, lease: 100, heartbeat: 10 })
    accepted({ pool, lease: 600_000 })
  })

  it('refuses a heartbeat that is too short or more than half the lease', () => {
    for (const heartbeat of [9, 1_001, 0.5, NaN, '500']) {
      refused(
        { heartbeat },
        /^heartbeat must be a whole number of milliseconds, at least 10 and at most half of lease$/,
      )
    }
    refused({ lease: 999 }, /^heartbeat/)
    accepted({ pool, heartbeat: 1_000 })
  })

  it('refuses an invalid timeout', () => {
    assertBounds((options) => new PostgresKeyStore({ pool, ...options }), { timeout: {} })
    for (const timeout of [0, -1, 1.5, Infinity, '5']) refused({ timeout }, /^timeout must be a whole number/)
  })
})
