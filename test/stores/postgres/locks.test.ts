/** Statements still waiting for a lock when their callers give up: none may linger or take effect. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool, PoolClient } from 'pg'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { addTenant, join, newPool, sampleHash } from './setup.ts'

describe('while another transaction holds a lock', () => {
  let server: PostgresServer
  let pool: Pool
  let holderPool: Pool
  let watcher: Pool
  let holder: PoolClient
  let store: PostgresKeyStore

  before(async () => {
    server = await startPostgres()
    pool = newPool(server, { max: 5 })
    holderPool = newPool(server)
    watcher = newPool(server, { max: 1 })
    // Twice the longest wait for a lock, so that a write always fails because of the lock.
    store = new PostgresKeyStore({ pool, timeout: 8_000 })
    await store.migrate()
  })
  beforeEach(async () => {
    holder = await holderPool.connect()
    await holder.query('BEGIN')
  })
  afterEach(async () => {
    await holder.query('ROLLBACK')
    holder.release()
    await watcher.query('DELETE FROM tenant_auth.instances')
  })
  after(async () => {
    await Promise.all([pool.end(), holderPool.end(), watcher.end()])
    await server.stop()
  })

  const waiting = async (event = 'Lock') => {
    const { rows } = await watcher.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = $1`, [event])
    return rows.length
  }

  it('look-ups that are given up leave no server process waiting', async () => {
    await holder.query('LOCK TABLE tenant_auth.keys IN ACCESS EXCLUSIVE MODE')
    for (let round = 0; round < 3; round++) {
      const signal = AbortSignal.timeout(100)
      const lookups = Array.from({ length: 5 }, () => store.findByHash(sampleHash(), { signal }))
      const outcomes = await Promise.allSettled(lookups)
      assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    }
    await until(async () => (await waiting()) === 0)
  })

  it('beats that are given up leave no server process waiting', async () => {
    const { link, membership } = await join(store)
    await holder.query('LOCK TABLE tenant_auth.instances IN ACCESS EXCLUSIVE MODE')
    await assert.rejects(link.beat(membership, AbortSignal.timeout(100)))
    await until(async () => (await waiting()) === 0)
  })

  it('a beat does not wait for changes to keys, tenants or their tables', async () => {
    const { link, beat } = await join(store)
    await holder.query('LOCK TABLE tenant_auth.keys, tenant_auth.tenants IN ACCESS EXCLUSIVE MODE')
    assert.equal((await beat(AbortSignal.timeout(5_000))).member, 'member')
    link.destroy()
  })

  it('an acknowledgement gives up waiting for the row of its instance', async () => {
    const { link, acknowledge, position } = await join(store)
    await holder.query(`UPDATE tenant_auth.instances SET label = 'held'`)
    await assert.rejects(acknowledge(position), {
      code: 'KEY_STORE_UNAVAILABLE',
      message: /^Nothing was done/,
    })
    link.destroy()
  })

  for (const code of ['40P01', '40001']) {
    it(`a write that the server ends in favor of it (${code}) is sent again`, async (t) => {
      const own = newPool(server, { max: 1 })
      t.after(() => own.end())
      const tenantId = await addTenant(store)
      const client = await own.connect()
      client.release()
      const query = client.query.bind(client) as (text: string, values: unknown[]) => Promise<unknown>
      let sent = 0
      t.mock.method(client, 'query', (text: string, values: unknown[]) => {
        if (!values?.includes(tenantId) || ++sent > 1) return query(text, values)
        return Promise.reject(Object.assign(new Error('ended'), { code, severity: 'ERROR' }))
      })
      await new PostgresKeyStore({ pool: own }).updateTenant(tenantId, { name: 'again' })
      assert.equal(sent, 2)
      assert.equal((await store.findTenant(tenantId))?.name, 'again')
    })
  }

  it('a write that fails because of it never takes effect, not even later', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => addTenant(store)))
    await holder.query('UPDATE tenant_auth.tenants SET name = name')
    const outcomes = await Promise.allSettled(ids.map((id) => store.updateTenant(id, { name: 'late' })))
    for (const outcome of outcomes) {
      assert.ok(outcome.status === 'rejected')
      assert.match(String(outcome.reason), /Nothing was done: another transaction holds/)
    }
    assert.equal(await waiting(), 0)
    await holder.query('COMMIT')
    await sleep(300)
    const { rows } = await watcher.query(`SELECT FROM tenant_auth.tenants WHERE name = 'late'`)
    assert.equal(rows.length, 0)
  })

  it('a write succeeds if the lock is free in time, and need not wait if it affects no cache', async () => {
    const id = await addTenant(store)
    await holder.query('UPDATE tenant_auth.tenants SET name = name')
    await addTenant(store)
    const writing = store.updateTenant(id, { name: 'in time' })
    await until(async () => (await waiting()) === 1)
    await holder.query('COMMIT')
    assert.equal((await writing)?.record.name, 'in time')
  })

  it('the lock timeout of a write does not outlast it on the connection', async () => {
    const single = newPool(server, { max: 2 })
    await addTenant(new PostgresKeyStore({ pool: single }))
    assert.equal(single.totalCount, 1)
    const { rows } = await single.query('SHOW lock_timeout')
    assert.deepEqual(rows, [{ lock_timeout: '0' }])
    const interval = await single.query('SHOW client_connection_check_interval')
    assert.deepEqual(interval.rows, [{ client_connection_check_interval: '500ms' }])
    await single.end()
  })

  it('the check for dead peers keeps the interval that the user has set', async () => {
    const single = newPool(server, { max: 2, options: '-c client_connection_check_interval=2000' })
    await addTenant(new PostgresKeyStore({ pool: single }))
    const { rows } = await single.query('SHOW client_connection_check_interval')
    assert.deepEqual(rows, [{ client_connection_check_interval: '2s' }])
    await single.end()
  })
})

describe('while a synchronous standby is away', () => {
  it('beats continue, and no write that was given up holds them up', async () => {
    const server = await startPostgres()
    const pool = newPool(server)
    await new PostgresKeyStore({ pool }).migrate()
    const store = new PostgresKeyStore({ pool, timeout: 300 })
    const id = await addTenant(new PostgresKeyStore({ pool }))
    const { link, membership, position } = await join(store)
    const admin = newPool(server, { max: 1 })
    await admin.query(`ALTER SYSTEM SET synchronous_standby_names = 'ghost'`)
    await admin.query('SELECT pg_reload_conf()')
    // Until the server has read its configuration again, writes succeed.
    const fails = (write: Promise<unknown>) =>
      write.then(
        () => false,
        () => true,
      )
    await until(() => fails(store.updateTenant(id, { name: 'n' })))

    const change = () => store.updateTenant(id, { name: 'n' })
    for (let i = 0; i < 3; i++) await assert.rejects(change(), { code: 'KEY_STORE_UNAVAILABLE' })
    const beat = await link.acknowledge(membership, position, AbortSignal.timeout(5_000))
    assert.equal(beat.acknowledged, position.epoch)
    const { rows } = await admin.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
    assert.ok(rows.length <= 1, `${rows.length} server processes wait`)

    await admin.query(`ALTER SYSTEM SET synchronous_standby_names = ''`)
    await admin.query('SELECT pg_reload_conf()')
    link.destroy()
    await Promise.all([admin.end(), pool.end()])
    await server.stop()
  })
})
