/** Instances of version 0.1.0 beside those of this version, as in a rolling upgrade of a service. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { Pool } from 'pg'
import { generateKey, hashKey } from '../../../src/keys/key-format.ts'
import { KeyManager } from '../../../src/keys/index.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { CHANNEL } from '../../../src/stores/postgres/schema.ts'
import { versionOne } from '../../../src/stores/postgres/version-1.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { until } from '../../harness/until.ts'
import { HEARTBEAT, LEASE, startInstance } from './instance.ts'
import { newPool, settleFleet } from './setup.ts'
import * as old from './version-0.1.0.ts'

const VERSION_ONE = `DO $m$ BEGIN
CREATE SCHEMA tenant_auth;
CREATE TABLE tenant_auth.tenant_auth_migrations (
  version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
);
${versionOne('"tenant_auth"', CHANNEL)}
INSERT INTO tenant_auth.tenant_auth_migrations (version) VALUES (1);
END $m$`

interface Known {
  id: string
  key: string
}
interface Beat {
  member: boolean
  epoch: number
  tag: string
  changed: string[] | null
}
interface Fleet {
  epoch: number
  history: string
  members: { instance: string; acknowledged: number; beats: number }[]
}

describe('version 0.1.0 beside this one', () => {
  let server: PostgresServer
  let pool: Pool
  let store: PostgresKeyStore
  let keys: KeyManager

  /** The answer to a statement of version 0.1.0. */
  const ask = async <Answer>(text: string, ...values: unknown[]) => {
    const { rows } = await pool.query<{ row: string }>(text, values)
    return rows[0] === undefined ? undefined : (JSON.parse(rows[0].row) as Answer)
  }
  /** An instance of version 0.1.0, moved by hand. */
  const oldInstance = async (instance: string) => {
    await ask(old.ADOPT_SETTINGS, LEASE, HEARTBEAT)
    assert.equal(await ask(old.REGISTER, instance, `old:${instance}`, LEASE, LEASE, HEARTBEAT), true)
    let known: { epoch: number; tag: string } | undefined
    const dropped: (string | null)[] = []
    let members = 0
    return {
      dropped,
      get members() {
        return members
      },
      /** By name, or with all others. */
      hasDropped: ({ key }: Known) => dropped.includes(hashKey(key)) || dropped.includes(null),
      async beat() {
        const beat =
          (await ask<Beat>(old.BEAT, instance, known?.epoch, known?.tag)) ?? assert.fail('an answer')
        if (beat.member) members++
        if (known !== undefined) dropped.push(...(beat.changed ?? [null]))
        known = beat
        return beat.member
      },
    }
  }

  before(async () => {
    server = await startPostgres()
    pool = newPool(server, { max: 6 })
    await pool.query(VERSION_ONE)
    store = new PostgresKeyStore({ pool, lease: LEASE, heartbeat: HEARTBEAT })
    keys = new KeyManager(store)
  })
  after(async () => {
    await pool.end()
    await server.stop()
  })

  it('keeps beating during the migration, and both versions see older keys revoked', async () => {
    await pool.query(`INSERT INTO tenant_auth.tenants (id, name) VALUES ('acme', 'Acme')`)
    const [meanwhile, byOld, byNew] = ['meanwhile', 'by-old', 'by-new'].map((id) => ({
      id,
      key: generateKey('tk', 'live'),
    })) as [Known, Known, Known]
    for (const { id, key } of [meanwhile, byOld, byNew]) {
      await pool.query(
        `INSERT INTO tenant_auth.keys (id, tenant_id, hash, name) VALUES ($1, 'acme', decode($2, 'hex'), 'k')`,
        [id, hashKey(key)],
      )
    }
    const instance = await oldInstance('first')
    await instance.beat()

    const migration = { over: false }
    // Keys are written throughout, so that which tables are locked and waited for differs at each moment.
    const write = async (text: string, id: string) => {
      do await pool.query(text, [id])
      while (!migration.over)
    }
    const written = Promise.all([
      write(
        `UPDATE tenant_auth.keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1`,
        meanwhile.id,
      ),
      write(`UPDATE tenant_auth.tenants SET name = name || '.' WHERE id = $1`, 'acme'),
    ])
    const migrated = store.migrate().finally(() => (migration.over = true))
    do assert.equal(await instance.beat(), true)
    while (!migration.over)
    await Promise.all([migrated, written])
    assert.equal(await instance.beat(), true)
    assert.ok(instance.hasDropped(meanwhile))
    const { rows } = await pool.query('SELECT version FROM tenant_auth.tenant_auth_migrations')
    assert.equal(rows.length, 2)

    const own = newPool(server, { max: 4 })
    const fresh = await startInstance(own)
    await fresh.ready()
    assert.equal(await fresh.status(meanwhile.key), 401)
    for (const { key } of [byOld, byNew]) assert.equal(await fresh.status(key), 200)
    await ask(old.REVOKE_KEY, byOld.id, new Date())
    await until(async () => (await fresh.status(byOld.key)) === 401)
    assert.equal(await instance.beat(), true)
    let returned = false
    const revoked = keys.revoke(byNew.id).finally(() => (returned = true))
    await until(async () => !(await instance.beat()) || returned)
    await revoked
    assert.ok(instance.hasDropped(byNew))
    assert.equal(await fresh.status(byNew.key), 401)
    await fresh.app.close()
    await own.end()
    await pool.query(old.LEAVE, ['first'])
  })

  describe('in one fleet', () => {
    let instance: Awaited<ReturnType<typeof startInstance>>
    let own: Pool
    beforeEach(async () => {
      own = newPool(server, { max: 4 })
      instance = await startInstance(own)
      await settleFleet(store)
    })
    afterEach(async () => {
      await instance.app.close()
      await own.end()
      await pool.query('DELETE FROM tenant_auth.instances')
    })
    const create = async () => {
      const { key, details } = await keys.create({ tenantId: 'acme', name: 'k', environment: 'live' })
      return { key, id: details.id }
    }

    it('is waited for until it has dropped the revoked key, and keeps its row', async () => {
      const { id } = await create()
      const member = await oldInstance('beating')
      await member.beat()
      await member.beat()
      let confirmedBy: string | undefined
      const revoked = keys.revoke(id).then((change) => (confirmedBy = change.confirmedBy))
      const { rows } = await pool.query<{ hash: string }>(
        `SELECT encode(hash, 'hex') AS hash FROM tenant_auth.keys WHERE id = $1`,
        [id],
      )
      await until(async () => {
        if (confirmedBy !== undefined) return true
        assert.equal(await member.beat(), true)
        return false
      })
      assert.equal(await revoked, 'all')
      assert.ok(member.dropped.includes(rows[0]?.hash ?? ''))
      assert.equal(await member.beat(), true)
    })

    it('drops a key that was purged before it learned of the revocation', async () => {
      const { key, id } = await create()
      const member = await oldInstance('slow')
      await member.beat()
      await pool.query('UPDATE tenant_auth.keys SET revoked_at = now() WHERE id = $1', [id])
      await until(async () => (await keys.purge({ endedBefore: new Date() })).deleted > 0)
      assert.equal(await member.beat(), true)
      assert.ok(member.hasDropped({ id, key }))
    })

    it('is waited for as long as it may serve when it is cut off, and then loses its row', async () => {
      const { id } = await create()
      const member = await oldInstance('silent')
      await member.beat()
      const { confirmedBy, waitedMs } = await keys.revoke(id)
      assert.equal(confirmedBy, 'lease')
      assert.ok(waitedMs >= LEASE)
      assert.equal(await member.beat(), false)
    })

    it('sees what instances of this version have acknowledged, and reaps none that serve', async () => {
      const { key, id } = await create()
      assert.equal(await instance.status(key), 200)
      const seen = (await ask<Fleet>(old.FLEET)) ?? assert.fail('a fleet')
      const written = await ask<{
        epoch: number
        reach: { history: string; holds: number; instances: number }
      }>(old.REVOKE_KEY, id, new Date())
      const { epoch, reach } = written ?? assert.fail('a write')
      assert.deepEqual([reach.history, reach.instances], [seen.history, 1])
      assert.ok(reach.holds >= LEASE)
      await until(async () => {
        const { members } = (await ask<Fleet>(old.FLEET)) ?? assert.fail('a fleet')
        return members.length === 1 && members.every(({ acknowledged }) => acknowledged >= epoch)
      })
      assert.equal(await instance.status(key), 401)
      // Its reaper deletes rows that have not beaten since it looked, and this one has acknowledged.
      await pool.query(old.REAP, [JSON.stringify(seen.members)])
      await instance.ready()
      assert.equal((await ask<Fleet>(old.FLEET))?.members.length, 1)
    })

    it('makes one revocation wait for the lease when it leaves', async () => {
      await oldInstance('leaving')
      await pool.query(old.LEAVE, ['leaving'])
      const confirmedBy = async () => (await keys.revoke((await create()).id)).confirmedBy
      assert.deepEqual([await confirmedBy(), await confirmedBy()], ['lease', 'all'])
    })
  })
})
