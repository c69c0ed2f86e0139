/** The part of the driver's contract that needs PostgreSQL: rows lost, restored or changed by hand. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { FleetLink } from '../../../src/coherence/driver.ts'
import { patience } from '../../../src/coherence/fleet-times.ts'
import { type PostgresPool, PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { openDatabase } from '../../harness/database.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, type Events, join, NEVER, newPool, positionOf, settleFleet } from './setup.ts'

const LEASE = 600
const HEARTBEAT = 100

/** Tests of the protocol that need nothing but `query`. */
function protocol(name: string, open: () => Promise<{ pool: PostgresPool; close: () => Promise<void> }>) {
  describe(name, () => {
    let pool: PostgresPool
    let close: () => Promise<void>
    let store: PostgresKeyStore
    const links: FleetLink[] = []

    const member = async (instance: string, options: { holds?: number; events?: Events } = {}) => {
      const joined = await join(store, instance, { holds: LEASE, ...options })
      links.push(joined.link)
      return joined
    }
    const sql = (text: string) => pool.query(text.replaceAll('$s', 'tenant_auth'))
    const value = async (text: string) => {
      const [row] = (await sql(`SELECT (${text})::text AS value`)).rows as { value: string }[]
      return row?.value
    }
    /** A revocation, and its confirmation by a process that knows nothing yet. */
    const revoke = async () => {
      const key = await addKey(store, await addTenant(store))
      const mark = (await store.revokeKey(key.id, new Date())) ?? assert.fail()
      const fresh = new PostgresKeyStore({ pool, lease: LEASE, heartbeat: HEARTBEAT })
      return { mark, ...(await fresh.coherence.confirm(mark)) }
    }
    const changesOf = async (work: () => Promise<unknown>) => {
      const { link, position } = await member('a')
      await work()
      const { changed, position: now } = await link.catchUp(position, NEVER)
      return { changed, isSameHistory: now.history === position.history }
    }

    before(async () => {
      ;({ pool, close } = await open())
      store = new PostgresKeyStore({ pool, lease: LEASE, heartbeat: HEARTBEAT })
      await store.migrate()
    })
    beforeEach(async () => {
      for (const link of links.splice(0)) link.destroy()
      await sql('DELETE FROM $s.instances')
      await settleFleet(store)
    })
    after(async () => {
      for (const link of links.splice(0)) link.destroy()
      await close()
    })

    it('names every key of a changed tenant, and no others', async () => {
      const [tenantId, other] = [await addTenant(store), await addTenant(store)]
      const hashes = [(await addKey(store, tenantId)).hash, (await addKey(store, tenantId)).hash]
      await addKey(store, other)
      const { changed } = await changesOf(() => store.updateTenant(tenantId, { suspendedAt: new Date() }))
      assert.deepEqual([...(changed ?? [])].sort(), hashes.sort())
    })

    it('names no changed keys if there are more than 10,000', async () => {
      const tenantId = await addTenant(store)
      const bulk = (ids: string, from: number, to: number) =>
        sql(`INSERT INTO $s.keys (id, tenant_id, hash, name)
          SELECT '${ids}_' || n, '${tenantId}', sha256(('${ids}' || n)::bytea), 'bulk'
          FROM generate_series(${from}, ${to}) n`)
      const { link, position } = await member('a')
      await bulk(tenantId, 1, 10_000)
      const first = await link.catchUp(position, NEVER)
      assert.equal(first.changed?.length, 10_000)
      await bulk(tenantId, 10_001, 10_001)
      assert.equal((await link.catchUp(position, NEVER)).changed, null)
      // Nor if the change of one tenant reaches so many, or if so many tenants change, even without keys.
      const now = await positionOf(store)
      await store.updateTenant(tenantId, { name: 'Renamed' })
      assert.equal((await link.catchUp(now, NEVER)).changed, null)
      await sql(
        `INSERT INTO $s.tenants (id, name) SELECT '${tenantId}_' || n, 't' FROM generate_series(1, 10001) n`,
      )
      const later = await positionOf(store)
      await sql(`UPDATE $s.tenants SET name = 'u' WHERE id LIKE '${tenantId}\\_%'`)
      assert.equal((await link.catchUp(later, NEVER)).changed, null)
    })

    it('raises no epoch for a key that nobody can have looked up, or for a tenant without keys', async () => {
      const before = await positionOf(store)
      const tenantId = await addTenant(store)
      const key = {
        ...SAMPLE,
        id: `fresh_${tenantId}`,
        tenantId,
        hash:
          '0'.repeat(64 - 40) +
          tenantId
            .slice(2)
            .padEnd(40, '0')
            .slice(0, 40)
            .replace(/[^0-9a-f]/g, '0'),
      }
      const written = await store.insertKey(key, undefined, true)
      assert.ok(typeof written === 'object')
      assert.deepEqual(await positionOf(store), before)
      assert.equal((await store.findByHash(key.hash, { signal: NEVER }))?.id, key.id)
      await sql(`UPDATE $s.keys SET name = 'changed' WHERE id = '${key.id}'`)
      assert.equal((await positionOf(store)).epoch, before.epoch + 1)
    })

    for (const [what, lose] of Object.entries({
      'a DELETE by hand': 'DELETE FROM $s.instances',
      'a TRUNCATE': 'TRUNCATE $s.instances',
      'a DELETE with triggers turned off':
        'SET session_replication_role = replica; DELETE FROM $s.instances; SET session_replication_role = origin',
    })) {
      it(`waits for instances whose rows were lost to ${what}, and then settles`, async () => {
        await member('cut-off', { holds: LEASE })
        for (const statement of lose.split('; ')) await sql(statement)
        const { confirmedBy, waitedMs } = await revoke()
        assert.equal(confirmedBy, 'lease')
        assert.ok(waitedMs >= patience(LEASE), `${waitedMs} ms`)
        assert.equal((await revoke()).confirmedBy, 'all')
      })
    }

    it('waits for the longest hold of any instance when rows were lost', async () => {
      const { link, membership } = await member('long', { holds: 1_500 })
      await sql('DELETE FROM $s.instances')
      assert.ok((await revoke()).waitedMs >= patience(1_500))
      // And no longer than needed once no instance is left with so long a hold.
      await link.leave(membership, NEVER)
      assert.equal(await value('SELECT max_holds FROM $s.fleet'), '0')
    })

    it('lowers the longest hold when its row leaves or is reaped, but not when it is lost', async () => {
      const longest = () => value('SELECT max_holds FROM $s.fleet')
      await member('stays')
      for (const part of ['leaves', 'is reaped']) {
        const { link, membership } = await member(part, { holds: 60_000 })
        assert.equal(await longest(), '60000')
        if (part === 'leaves') await link.leave(membership, NEVER)
        else {
          const { position, roster } = await store.coherence.driver.readFleet(0, NEVER)
          const below = { ...position, epoch: position.epoch + 1 }
          await store.coherence.driver.reap([part], below, roster, NEVER)
        }
        assert.equal(await longest(), `${LEASE}`, part)
        link.destroy()
      }
      await member('lost', { holds: 60_000 })
      await sql(`DELETE FROM $s.instances WHERE instance = 'lost'`)
      const { link, membership } = await member('short')
      await link.leave(membership, NEVER)
      assert.equal(await longest(), '60000')
    })

    it('is unsettled after the row of the fleet was restored, whatever that says', async () => {
      await sql('CREATE TABLE saved AS SELECT * FROM $s.fleet')
      await member('cut-off')
      await sql('DELETE FROM $s.fleet')
      await sql('INSERT INTO $s.fleet SELECT * FROM saved')
      await sql('DROP TABLE saved')
      assert.equal((await store.coherence.driver.readFleet(0, NEVER)).settled, false)
    })

    for (const [what, change] of Object.entries({
      'an UPDATE by hand': ['UPDATE $s.coherence SET epoch = epoch - 1'],
      'restoring data': [
        'CREATE TABLE saved AS SELECT * FROM $s.coherence',
        `UPDATE $s.tenants SET name = 'later'`,
        `UPDATE $s.tenants SET name = 'later still'`,
        'DELETE FROM $s.coherence',
        'INSERT INTO $s.coherence SELECT * FROM saved',
        'DROP TABLE saved',
      ],
      'reset_caches()': ['SELECT $s.reset_caches()'],
    })) {
      it(`has a new history after ${what}, which lasts from the next change on`, async () => {
        const before = await positionOf(store)
        const { isSameHistory } = await changesOf(async () => {
          for (const statement of change) await sql(statement)
        })
        assert.equal(isSameHistory, false)
        const between = await positionOf(store)
        await addKey(store, await addTenant(store))
        const now = await positionOf(store)
        assert.notEqual(now.history, before.history)
        assert.equal(now.history === between.history, what === 'reset_caches()')
        await addKey(store, await addTenant(store))
        assert.equal((await positionOf(store)).history, now.history, 'it lasts')
      })
    }

    it('keeps its history across changes in subtransactions', async () => {
      const before = await positionOf(store)
      await sql(`DO $$ BEGIN
        UPDATE tenant_auth.tenants SET name = 'one';
        BEGIN UPDATE tenant_auth.tenants SET name = 'two'; EXCEPTION WHEN division_by_zero THEN NULL; END;
        BEGIN UPDATE tenant_auth.tenants SET name = 'three'; PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END;
        UPDATE tenant_auth.tenants SET name = 'four';
      END $$`)
      assert.deepEqual(await positionOf(store), { ...before, epoch: before.epoch + 3 })
    })

    it('confirms nothing if the database went back to before the write', async () => {
      const { mark } = await addKey(store, await addTenant(store))
      await sql(`UPDATE $s.coherence SET epoch = epoch - 1`)
      await assert.rejects(store.coherence.confirm(mark), {
        code: 'KEY_STORE_UNAVAILABLE',
        message: /may have lost it/,
      })
    })

    it('ignores an acknowledgement that is ahead of the epoch', async () => {
      await member('a')
      await sql('UPDATE $s.instances SET acknowledged = (SELECT epoch + 100 FROM $s.coherence)')
      assert.equal((await revoke()).confirmedBy, 'lease')
    })

    it('fails beats and writes or registrations when the row of coherence or fleet is missing', async () => {
      const tenantId = await addTenant(store)
      const { beat } = await member('a')
      for (const table of ['coherence', 'fleet']) {
        await sql(`CREATE TABLE saved AS SELECT * FROM $s.${table}`)
        await sql(`DELETE FROM $s.${table}`)
        try {
          await assert.rejects(beat(), /row/)
          if (table === 'coherence') await assert.rejects(addKey(store, tenantId), { effect: 'none' })
          else await assert.rejects(member('b'), { code: 'KEY_STORE_UNAVAILABLE' })
        } finally {
          await sql(`INSERT INTO $s.${table} SELECT * FROM saved`)
          await sql('DROP TABLE saved')
        }
      }
    })
  })
}

const SAMPLE = {
  name: 'a key',
  environment: 'live',
  scopes: [],
  metadata: {},
  start: '',
  last4: '',
  createdAt: new Date(),
  createdBy: null,
  expiresAt: null,
}

let server: PostgresServer
before(async () => {
  server = await startPostgres()
})
after(() => server.stop())

protocol('the fleet protocol on PostgreSQL', async () => {
  const pool = newPool(server, { max: 4 })
  return { pool, close: () => pool.end() }
})

protocol('the fleet protocol on PGlite', openDatabase)

it('a write on PGlite, which has no connections to notify, is pushed to the links of its process', async (t) => {
  const { pool, close } = await openDatabase()
  t.after(close)
  const store = new PostgresKeyStore({ pool })
  await store.migrate()
  await settleFleet(store)
  const { id } = await addKey(store, await addTenant(store))
  const [one, two] = [await join(store, 'a'), await join(store, 'b')]
  const { epoch } = (await store.updateKey(id, { name: 'changed' })) ?? assert.fail()
  one.link.destroy()
  const later = (await store.revokeKey(id, new Date())) ?? assert.fail()
  assert.deepEqual([one.events.pushes, two.events.pushes], [[epoch], [epoch, later.epoch]])
})
