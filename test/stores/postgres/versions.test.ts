/** Instances of version 0.1.0 beside those of this version, while a service is brought up to date one by one. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { Pool } from 'pg'
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

  /** What a statement of version 0.1.0 answers. */
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
      async beat() {
        const beat =
          (await ask<Beat>(old.BEAT, instance, known?.epoch, known?.tag)) ?? assert.fail('an answer')
        if (beat.member) members++
        dropped.push(...(beat.changed ?? [null]))
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

  it('goes on beating while the tables are brought up to date', async () => {
    const instance = await oldInstance('first')
    const migration = { over: false }
    const migrated = store.migrate().finally(() => (migration.over = true))
    do assert.equal(await instance.beat(), true)
    while (!migration.over)
    await migrated
    assert.equal(await instance.beat(), true)
    const { rows } = await pool.query('SELECT version FROM tenant_auth.tenant_auth_migrations')
    assert.equal(rows.length, 2)
    await pool.query(old.LEAVE, ['first'])
    await keys.createTenant({ id: 'acme', name: 'Acme' })
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

    it('is waited for until it has dropped what was revoked, and keeps its row', async () => {
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

    it('is waited for as long as it may serve where it is cut off, and registers anew', async () => {
      const { id } = await create()
      const member = await oldInstance('silent')
      await member.beat()
      const { confirmedBy, waitedMs } = await keys.revoke(id)
      assert.equal(confirmedBy, 'lease')
      assert.ok(waitedMs >= LEASE)
      assert.equal(await member.beat(), false)
    })

    it('sees in its own revocations what instances of this version have dropped, and reaps none that serves', async () => {
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
      // Its reaper takes rows that have not beaten since it looked: one that has acknowledged is not among them.
      await pool.query(old.REAP, [JSON.stringify(seen.members)])
      await instance.ready()
      assert.equal((await ask<Fleet>(old.FLEET))?.members.length, 1)
    })

    it('leaves by hand, so that the next revocation waits once for what may have been lost', async () => {
      await oldInstance('leaving')
      await pool.query(old.LEAVE, ['leaving'])
      const confirmedBy = async () => (await keys.revoke((await create()).id)).confirmedBy
      assert.deepEqual([await confirmedBy(), await confirmedBy()], ['lease', 'all'])
    })
  })
})
