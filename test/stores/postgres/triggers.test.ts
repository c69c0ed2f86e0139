/** Changes made past the store: whatever their SQL, caches learn of them, and what is final stays final. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { Pool, PoolClient } from 'pg'
import type { FleetLink, Position } from '../../../src/coherence/driver.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { addKey, addTenant, Events, join, NEVER, newPool, sampleHash } from './setup.ts'

describe('changes by plain SQL', () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresKeyStore
  let link: FleetLink
  let position: Position
  let tenantId: string
  let key: { id: string; hash: string }
  let other: { id: string; hash: string }

  before(async () => {
    server = await startPostgres()
    pool = newPool(server, { options: '-c search_path=tenant_auth' })
    store = new PostgresKeyStore({ pool })
    await store.migrate()
  })
  beforeEach(async () => {
    tenantId = await addTenant(store)
    key = await addKey(store, tenantId)
    other = await addKey(store, tenantId)
    ;({ link, position } = await join(store, sampleHash()))
  })
  afterEach(() => link.destroy())
  after(async () => {
    await pool.end()
    await server.stop()
  })

  /** What a heartbeat brings now. */
  const changes = async () => {
    const beat = await link.catchUp(position, NEVER)
    const reset = beat.position.history !== position.history
    position = beat.position
    return reset ? 'reset' : [...(beat.changed ?? [])].sort()
  }
  const transaction = async (work: (client: PoolClient) => Promise<void>, end = 'COMMIT') => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await work(client)
      await client.query(end)
    } finally {
      client.release()
    }
  }

  it('to a key are reported', async () => {
    await pool.query('UPDATE keys SET scopes = $2 WHERE id = $1', [key.id, ['write']])
    assert.deepEqual(await changes(), [key.hash])
    assert.deepEqual((await store.findByHash(key.hash, { signal: NEVER }))?.scopes, ['write'])
  })

  it('to many keys in one statement are reported under one epoch', async () => {
    const { epoch } = position
    await pool.query('UPDATE keys SET revoked_at = now() WHERE tenant_id = $1', [tenantId])
    assert.deepEqual(await changes(), [key.hash, other.hash].sort())
    assert.equal(position.epoch, epoch + 1)
  })

  it('to a tenant are reported as changes to its keys', async () => {
    await pool.query('UPDATE tenants SET suspended_at = now() WHERE id = $1', [tenantId])
    assert.deepEqual(await changes(), [key.hash, other.hash].sort())
  })

  it('in one transaction are reported together, and only after it commits', async () => {
    await transaction(async (client) => {
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
      await client.query('UPDATE keys SET name = $2 WHERE id = $1', [other.id, 'renamed'])
      assert.deepEqual(await changes(), [])
    })
    assert.deepEqual(await changes(), [key.hash, other.hash].sort())
  })

  it('that are rolled back leave no trace', async () => {
    const before = position
    await transaction(async (client) => {
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
    }, 'ROLLBACK')
    assert.deepEqual(await changes(), [])
    assert.deepEqual(position, before)
  })

  it('that are rolled back to a savepoint leave the other changes in place', async () => {
    await transaction(async (client) => {
      await client.query('SAVEPOINT s')
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
      await client.query('ROLLBACK TO s')
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [other.id])
    })
    assert.deepEqual(await changes(), [other.hash])
  })

  it('commit one at a time, so that no epoch is visible before the changes it covers', async () => {
    const first = await pool.connect()
    await first.query('BEGIN')
    await first.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
    const second = pool.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [other.id])
    await until(async () => {
      const { rows } = await pool.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)
      return rows.length === 1
    })
    assert.deepEqual(await changes(), [])
    await first.query('COMMIT')
    first.release()
    await second
    assert.deepEqual(await changes(), [key.hash, other.hash].sort())
  })

  it('by INSERT … ON CONFLICT DO UPDATE or by several updates in one statement are reported', async () => {
    await pool.query(
      `INSERT INTO keys (id, tenant_id, hash, name) SELECT id, tenant_id, hash, 'upserted' FROM keys WHERE id = $1
       ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
      [key.id],
    )
    assert.deepEqual(await changes(), [key.hash])
    await pool.query(
      `WITH one AS (UPDATE keys SET name = 'one' WHERE id = $1 RETURNING id), two AS (UPDATE keys SET name = 'two' WHERE id = $2)
       UPDATE tenants SET name = 'three' WHERE id = (SELECT 'nobody' FROM one)`,
      [key.id, other.id],
    )
    assert.deepEqual(await changes(), [key.hash, other.hash].sort())
  })

  it('are reported even if session_replication_role would turn triggers off', async () => {
    await transaction(async (client) => {
      await client.query('SET LOCAL session_replication_role = replica')
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
    })
    assert.deepEqual(await changes(), [key.hash])
  })

  it('commit synchronously, even if the transaction has turned that off', async () => {
    await transaction(async (client) => {
      await client.query('SET LOCAL synchronous_commit = off')
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
      const { rows } = await client.query('SHOW synchronous_commit')
      assert.deepEqual(rows, [{ synchronous_commit: 'on' }])
    })
    await transaction(async (client) => {
      await client.query('SET LOCAL synchronous_commit = remote_apply')
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
      const { rows } = await client.query('SHOW synchronous_commit')
      assert.deepEqual(rows, [{ synchronous_commit: 'remote_apply' }])
    })
  })

  it('by a role with rights on the keys alone are reported', async () => {
    await pool.query('CREATE ROLE clerk')
    await pool.query('GRANT USAGE ON SCHEMA tenant_auth TO clerk')
    await pool.query('GRANT SELECT, UPDATE ON keys TO clerk')
    await transaction(async (client) => {
      await client.query('SET LOCAL ROLE clerk')
      await client.query('CREATE TEMPORARY TABLE coherence (epoch bigint)') // Must not be taken for the real one.
      await client.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
      await client.query('DROP TABLE pg_temp.coherence')
    })
    assert.deepEqual(await changes(), [key.hash])
  })

  for (const [what, sql] of Object.entries({
    'a DELETE of a key': 'DELETE FROM keys WHERE id = $1',
    'a DELETE of a tenant with its keys':
      'DELETE FROM tenants WHERE id = (SELECT tenant_id FROM keys WHERE id = $1)',
    'a TRUNCATE of the keys': 'TRUNCATE keys CASCADE',
    'a TRUNCATE of the tenants': 'TRUNCATE tenants CASCADE',
  })) {
    it(`by ${what} make every cache start over`, async () => {
      await pool.query(sql.replace('$1', `'${key.id}'`))
      assert.equal(await store.findByHash(key.hash, { signal: NEVER }), null)
      assert.equal(await changes(), 'reset')
      assert.deepEqual(await changes(), [])
    })
  }

  for (const sql of [
    `DELETE FROM keys WHERE revoked_at < '2000-01-01'`,
    `DELETE FROM tenants WHERE id = 'nobody'`,
  ]) {
    it(`that delete nothing leave every cache alone: ${sql}`, async () => {
      await pool.query(sql)
      assert.deepEqual(await changes(), [])
    })
  }

  it('that delete are reported even if session_replication_role would turn triggers off', async () => {
    await transaction(async (client) => {
      await client.query('SET LOCAL session_replication_role = replica')
      await client.query('DELETE FROM keys WHERE id = $1', [key.id])
    })
    assert.equal(await changes(), 'reset')
  })

  it('to key usage leave the epoch alone', async () => {
    const before = position
    await pool.query('INSERT INTO key_usage VALUES ($1, now())', [key.id])
    await pool.query('UPDATE key_usage SET last_used_at = now()')
    assert.deepEqual(await changes(), [])
    assert.deepEqual(position, before)
  })

  it('are pushed to every link with their epoch', async () => {
    const events = new Events()
    const elsewhere = new PostgresKeyStore({ pool })
    const far = await elsewhere.coherence.driver.open(events, NEVER)
    await pool.query('UPDATE keys SET revoked_at = now() WHERE id = $1', [key.id])
    await changes()
    await until(() => events.pushes.includes(position.epoch))
    far.destroy()
  })

  it('cannot restore a revoked key or alter when it was revoked', async () => {
    const at = new Date('2026-01-01T00:00:00.000Z')
    await store.revokeKey(key.id, at)
    for (const sql of [
      'UPDATE keys SET revoked_at = NULL WHERE id = $1',
      `UPDATE keys SET revoked_at = NULL, name = 'x' WHERE id = $1`,
    ]) {
      await assert.rejects(pool.query(sql, [key.id]), {
        code: '23000',
        message: 'a revoked key stays revoked',
      })
    }
    await pool.query('UPDATE keys SET revoked_at = now() WHERE tenant_id = $1', [tenantId])
    assert.deepEqual((await store.findKey(key.id))?.revokedAt, at)
    assert.notEqual((await store.findKey(other.id))?.revokedAt, null)
  })

  it('cannot turn one key into another', async () => {
    const refused = { code: '23000' }
    const elsewhere = await addTenant(store)
    await assert.rejects(pool.query(`UPDATE keys SET id = 'x' WHERE id = $1`, [key.id]), refused)
    await assert.rejects(
      pool.query('UPDATE keys SET hash = $2 WHERE id = $1', [key.id, Buffer.from(sampleHash(), 'hex')]),
      refused,
    )
    await assert.rejects(
      pool.query('UPDATE keys SET tenant_id = $2 WHERE id = $1', [key.id, elsewhere]),
      refused,
    )
    await assert.rejects(pool.query(`UPDATE tenants SET id = 'x' WHERE id = $1`, [tenantId]), refused)
  })

  it('cannot store values that a look-up could not return', async () => {
    for (const [column, value] of Object.entries({
      expires_at: `'infinity'`,
      revoked_at: `'-infinity'`,
      metadata: `'[1]'`,
      scopes: `'{a,NULL}'`,
    })) {
      await assert.rejects(pool.query(`UPDATE keys SET ${column} = ${value}`), { code: '23514' })
    }
    await assert.rejects(
      pool.query(`INSERT INTO keys (id, tenant_id, hash, name) VALUES ('x', $1, 'short', 'x')`, [tenantId]),
      { code: '23514' },
    )
  })

  it('with only the required columns create a key that look-ups find', async () => {
    const hash = sampleHash()
    await pool.query(
      `INSERT INTO keys (id, tenant_id, hash, name) VALUES ('by_hand', $1, decode($2, 'hex'), 'x')`,
      [tenantId, hash],
    )
    assert.deepEqual(await changes(), [hash])
    assert.equal((await store.findByHash(hash, { signal: NEVER }))?.id, 'by_hand')
  })
})
