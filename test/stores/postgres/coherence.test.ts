import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { patience } from '../../../src/coherence/fleet-barrier.ts'
import { FleetWatch } from '../../../src/coherence/fleet-watch.ts'
import type { FleetLink, Position } from '../../../src/stores/coherent-key-store.ts'
import { type PostgresPool, PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { type Fleet, only } from '../../../src/stores/postgres/rows.ts'
import type { Session } from '../../../src/stores/postgres/session.ts'
import { settle } from '../../../src/stores/postgres/settings.ts'
import { statementsFor } from '../../../src/stores/postgres/statements.ts'
import { openDatabase } from '../../harness/database.ts'
import { type PostgresServer, startPostgres } from '../../servers/index.ts'
import { addKey, addTenant, Events, NEVER, newPool } from './setup.ts'

const LEASE = 600
const HEARTBEAT = 100

/** Tests of the protocol that need nothing but `query`. */
function protocol(name: string, open: () => Promise<{ pool: PostgresPool; close: () => Promise<void> }>) {
  describe(name, () => {
    let pool: PostgresPool
    let close: () => Promise<void>
    let store: PostgresKeyStore
    const links: FleetLink[] = []

    const connect = async (of = store, events = new Events()) => {
      const link = await of.coherence.connect(events, NEVER)
      links.push(link)
      return link
    }
    const join = async (instance: string, { holds = LEASE, of = store, events = new Events() } = {}) => {
      const link = await connect(of, events)
      await link.register({ instance, label: `host:${instance}`, holds }, NEVER)
      const { position } = await link.beat(instance, null, NEVER)
      return { link, position }
    }
    const sql = (text: string) => pool.query(text.replaceAll('$s', 'tenant_auth'))
    const acknowledged = async (instance: string) => {
      const { rows } = await pool.query(
        'SELECT acknowledged::text AS a FROM tenant_auth.instances WHERE instance = $1',
        [instance],
      )
      return (rows as { a: string }[]).map(({ a }) => Number(a))
    }

    before(async () => {
      ;({ pool, close } = await open())
      store = new PostgresKeyStore({ pool, lease: LEASE, heartbeat: HEARTBEAT })
      await store.migrate()
    })
    beforeEach(async () => {
      for (const link of links.splice(0)) link.destroy()
      await sql('DELETE FROM $s.instances')
    })
    after(async () => {
      for (const link of links.splice(0)) link.destroy()
      await close()
    })

    it('answers a stranger that it is no member', async () => {
      const link = await connect()
      assert.equal((await link.beat('nobody', null, NEVER)).member, false)
      assert.equal((await link.beat('nobody', { epoch: 0, tag: 'x' }, NEVER)).member, false)
    })

    it('registers an instance that has acknowledged nothing, until a beat says what it knows', async () => {
      const { link, position } = await join('a')
      assert.deepEqual(await acknowledged('a'), [-1])
      assert.deepEqual(await link.beat('a', position, NEVER), { member: true, position, changed: [] })
      assert.deepEqual(await acknowledged('a'), [position.epoch])
    })

    it('forgets an acknowledgement when the instance registers again', async () => {
      const { link, position } = await join('a')
      await link.beat('a', position, NEVER)
      await link.register({ instance: 'a', label: 'host:a', holds: LEASE }, NEVER)
      assert.deepEqual(await acknowledged('a'), [-1])
    })

    it('names what changed after the epoch that a beat knows, and acknowledges that one alone', async () => {
      const tenantId = await addTenant(store)
      const { hash: before } = await addKey(store, tenantId)
      const { link, position } = await join('a')
      const one = await addKey(store, tenantId)
      const two = await addKey(store, tenantId)
      await store.revokeKey(one.id, new Date())
      const beat = await link.beat('a', position, NEVER)
      assert.deepEqual([...(beat.changed ?? [])].sort(), [one.hash, two.hash].sort())
      assert.ok(!beat.changed?.includes(before))
      assert.equal(beat.position.tag, position.tag)
      assert.ok(beat.position.epoch > position.epoch)
      assert.deepEqual(await acknowledged('a'), [position.epoch])
      assert.deepEqual((await link.beat('a', beat.position, NEVER)).changed, [])
    })

    it('names every key of a tenant that changed', async () => {
      const [tenantId, other] = [await addTenant(store), await addTenant(store)]
      const hashes = [(await addKey(store, tenantId)).hash, (await addKey(store, tenantId)).hash]
      await addKey(store, other)
      const { link, position } = await join('a')
      await store.updateTenant(tenantId, { suspendedAt: new Date() })
      const { changed } = await link.beat('a', position, NEVER)
      assert.deepEqual([...(changed ?? [])].sort(), hashes.sort())
    })

    it('says nothing of what changed where the history is another one, and acknowledges nothing', async () => {
      const { link, position } = await join('a')
      await link.beat('a', position, NEVER)
      for (const known of [
        { ...position, tag: 'another' },
        { ...position, epoch: position.epoch + 1 },
        null,
      ] satisfies (Position | null)[]) {
        assert.deepEqual(await link.beat('a', known, NEVER), { member: true, position, changed: null })
        assert.deepEqual(await acknowledged('a'), [-1])
      }
    })

    it('says nothing of what changed where that is more than 10,000 keys', async () => {
      const tenantId = await addTenant(store)
      const { link, position } = await join('a')
      await sql(`INSERT INTO $s.keys (id, tenant_id, hash, name)
        SELECT 'bulk_' || n || '${tenantId}', '${tenantId}', sha256(('${tenantId}' || n)::bytea), 'bulk'
        FROM generate_series(1, 10000) n`)
      const first = await link.beat('a', position, NEVER)
      assert.equal(first.changed?.length, 10_000)
      await addKey(store, tenantId)
      assert.equal((await link.beat('a', position, NEVER)).changed, null)
      // Nor where it is a tenant's change that reaches so many.
      const { position: now } = await link.beat('a', null, NEVER)
      await store.updateTenant(tenantId, { name: 'Renamed' })
      assert.equal((await link.beat('a', now, NEVER)).changed, null)
      // Nor where it is so many tenants, even without keys.
      const { position: later } = await link.beat('a', null, NEVER)
      await sql(
        `INSERT INTO $s.tenants (id, name) SELECT '${tenantId}_' || n, 't' FROM generate_series(1, 10001) n`,
      )
      assert.equal((await link.beat('a', later, NEVER)).changed, null)
    })

    it('takes the row away when an instance leaves', async () => {
      const { link } = await join('a')
      await link.leave('a', NEVER)
      assert.deepEqual(await acknowledged('a'), [])
    })

    it('wakes the links of this process directly after a write', async () => {
      const tenantId = await addTenant(store)
      const events = new Events()
      await join('a', { events })
      const { epoch } = await addKey(store, tenantId)
      // A database of this process alone has no other pushes, and their absence must not look like a fault. Elsewhere the
      // push of the server's may have come by now as well.
      const isAlone = pool.connect === undefined
      assert.deepEqual(isAlone ? events.pushes : events.ownWrites, [epoch])
      assert.deepEqual(isAlone ? events.ownWrites : [], [])
    })

    it('confirms by all once each instance has acknowledged', async () => {
      const tenantId = await addTenant(store)
      const { link } = await join('a', { holds: 20_000 })
      const { epoch } = await addKey(store, tenantId)
      const confirming = store.coherence.confirm(epoch)
      const { position } = await link.beat('a', null, NEVER)
      await link.beat('a', position, NEVER)
      const { waitedMs, ...confirmation } = await confirming
      assert.deepEqual(confirmation, { epoch, confirmedBy: 'all', instances: 1 })
      assert.ok(waitedMs < 20_000)
    })

    it('confirms by lease where one does not, not before its time is over, and reaps it', async () => {
      const tenantId = await addTenant(store)
      await join('silent', { holds: LEASE + 100 })
      const { epoch } = await addKey(store, tenantId)
      const { waitedMs, ...confirmation } = await store.coherence.confirm(epoch)
      assert.deepEqual(confirmation, { epoch, confirmedBy: 'lease', instances: 1 })
      assert.ok(waitedMs >= patience(LEASE + 100), `${waitedMs}`)
      // Best effort: what one confirmation leaves because the database was slow, the next one finds.
      for (let tries = 1; tries < 5 && (await acknowledged('silent')).length > 0; tries++) {
        await store.coherence.confirm(epoch)
      }
      assert.deepEqual(await acknowledged('silent'), [])
    })

    it('reaps nobody who has beaten since he was looked at', async () => {
      const { link } = await join('a')
      const { fleet, reap } = statementsFor('tenant_auth')
      const { members } = only((await pool.query(fleet)).rows) as Fleet
      await link.beat('a', null, NEVER)
      await pool.query(reap, [JSON.stringify(members)])
      assert.equal((await acknowledged('a')).length, 1)
    })

    it('claims nothing where the database went back to before the write', async () => {
      const { epoch } = await addKey(store, await addTenant(store))
      await sql(`UPDATE $s.coherence SET epoch = epoch - 1`)
      await assert.rejects(store.coherence.confirm(epoch), {
        code: 'KEY_STORE_UNAVAILABLE',
        message: /may have lost the write: repeat it$/,
      })
    })

    it('takes no acknowledgement of a count that was turned back for one of this count', async () => {
      await join('a')
      await sql('UPDATE $s.instances SET acknowledged = (SELECT epoch + 100 FROM $s.coherence)')
      const { epoch } = await addKey(store, await addTenant(store))
      assert.equal((await store.coherence.confirm(epoch)).confirmedBy, 'lease')
    })

    it('refuses an instance with other settings while one with the old ones beats, naming it and both', async () => {
      // For as long as no stall of the machine makes it look gone.
      const { link, position } = await join('a', { holds: 20_000 })
      const other = new PostgresKeyStore({ pool, lease: 900, heartbeat: HEARTBEAT })
      const beating = setInterval(() => void link.beat('a', position, NEVER).catch(() => {}), HEARTBEAT)
      try {
        await assert.rejects(connect(other), {
          code: 'TENANT_AUTH_FLEET_MISMATCH',
          message:
            `This instance has lease 900 ms and heartbeat ${HEARTBEAT} ms, ` +
            `but the fleet has lease ${LEASE} ms and heartbeat ${HEARTBEAT} ms (host:a). ` +
            'Give all instances the same, or stop the others first',
        })
      } finally {
        clearInterval(beating)
      }
    })

    it('lets an instance in when another one brings its settings first, between its look at them and at the fleet', async () => {
      const first = new PostgresKeyStore({ pool, lease: 900, heartbeat: HEARTBEAT })
      let beating: NodeJS.Timeout | undefined
      const session: Session = {
        async query(text, values) {
          const { rows } = await pool.query(text, values)
          if (beating === undefined) {
            const { link, position } = await join('first', { of: first, holds: 900 })
            beating = setInterval(() => void link.beat('first', position, NEVER).catch(() => {}), 10)
          }
          return rows
        },
        destroy() {},
      }
      try {
        const settings = { lease: 900, heartbeat: HEARTBEAT }
        await settle(session, statementsFor('tenant_auth'), settings, new FleetWatch(), NEVER)
      } finally {
        clearInterval(beating)
      }
    })

    it('lets an instance with other settings in once the old ones are dead, and then refuses the old settings', async () => {
      const { link } = await join('dead')
      const other = new PostgresKeyStore({ pool, lease: 900, heartbeat: HEARTBEAT })
      const start = performance.now()
      await join('b', { of: other, holds: 900 })
      assert.ok(performance.now() - start >= patience(LEASE))
      await assert.rejects(link.register({ instance: 'c', label: 'host:c', holds: LEASE }, NEVER), {
        code: 'TENANT_AUTH_FLEET_MISMATCH',
      })
      assert.equal((await link.beat('dead', null, NEVER)).member, false)
      await sql('DELETE FROM $s.instances')
      await join('d') // The empty fleet takes the settings of whoever comes.
    })

    it('says what is wrong where the row of coherence is missing, and lets nobody write', async () => {
      const tenantId = await addTenant(store)
      const { link, position } = await join('a')
      await sql('CREATE TABLE saved AS SELECT * FROM $s.coherence')
      await sql('DELETE FROM $s.coherence')
      try {
        await assert.rejects(link.beat('a', position, NEVER), { code: 'KEY_STORE_UNAVAILABLE' })
        await assert.rejects(connect(), { code: 'KEY_STORE_UNAVAILABLE' })
        await assert.rejects(addKey(store, tenantId), { code: 'KEY_STORE_UNAVAILABLE' })
      } finally {
        await sql('INSERT INTO $s.coherence SELECT * FROM saved')
        await sql('DROP TABLE saved')
      }
    })

    it('starts another history when a person asks for it', async () => {
      const { link, position } = await join('a')
      await sql('SELECT $s.reset_caches()')
      const beat = await link.beat('a', position, NEVER)
      assert.notEqual(beat.position.tag, position.tag)
      assert.equal(beat.changed, null)
    })
  })
}

let server: PostgresServer
before(async () => {
  server = await startPostgres()
})
after(() => server.stop())

protocol('the fleet protocol on PostgreSQL', async () => {
  const pool = newPool(server)
  return { pool, close: () => pool.end() }
})

protocol('the fleet protocol on PGlite', openDatabase)
