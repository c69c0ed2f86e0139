/** The store is down for a while, under load: no key is accepted that should not be, and nothing piles up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisAvailable } from '../servers/index.ts'
import { boundOf } from './bound.ts'
import { startFleet } from './campaign.ts'
import { check } from './checker.ts'
import { ALL, History, now } from './history.ts'
import { Load } from './load.ts'
import { Random } from './random.ts'
import { CONNECTIONS } from './store-target.ts'
import { Subjects } from './subjects.ts'

/** Milliseconds. */
const DOWN = 10_000
const RECOVERY_LIMIT = 30_000

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`the fleet serves again after ${name} was down under load for ten seconds`, { skip }, async (t) => {
    const fleet = await startFleet(kind)
    const history = new History()
    const random = new Random(1)
    const subjects = new Subjects(history, random, 'outage')
    const load = new Load(history, random)
    t.after(async () => {
      await load.stop()
      await fleet.stop()
    })
    const [first] = fleet.instances
    assert.ok(first)
    const tenant = subjects.addTenant()
    await first.do('createTenant', tenant.id)
    const good = { good: true, suspended: false, scoped: true, until: Infinity }
    for (let i = 0; i < 20; i++) {
      const called = now()
      const created = await first.do('create', tenant.id, ['a'])
      assert.ok(created.value)
      const subject = subjects.addKey(tenant, created.value.key, created.value.details.id)
      subjects.changed(subject, 'create', called, created, good)
      load.addKey(subject.name, subject.key)
    }
    for (const instance of fleet.instances) load.addTarget(instance)
    await sleep(500)
    const [revoked, ...others] = subjects.keys
    assert.ok(revoked?.id)
    const called = now()
    const revocation = await first.do('revoke', revoked.id)
    assert.equal(revocation.error, undefined)
    subjects.changed(revoked, 'revoke', called, revocation, { ...good, good: false })

    await fleet.target.server.stop('SIGKILL')
    const from = now()
    const failed = await first.do('revoke', others[0]?.id ?? '')
    await sleep(DOWN)
    const until = now()
    history.outages.push({ instance: ALL, from, until })
    await fleet.target.server.start()
    history.incidents.push({ what: 'store down', instance: ALL, from, until: now() })
    const { lost } = await fleet.recovered()
    const after = () => history.exchanges.filter(({ invoked }) => invoked > until)
    const serving = () => new Set(after().flatMap((e) => (e.status === 200 ? e.instance : [])))
    // Even if the fleet is coherent, a client for look-ups may not have reconnected yet: node-redis tries only every two
    // seconds.
    for (const end = now() + RECOVERY_LIMIT; serving().size < fleet.instances.length && now() < end;) {
      await sleep(20)
    }
    await load.stop()

    assert.match(failed.error ?? '', /TenantAuthError/, 'revoke() claims nothing while the store is down')
    assert.deepEqual(lost, [])
    const violations = check(history, boundOf(fleet.lease)).map(({ message }) => message)
    assert.deepEqual(violations, [])
    const during = history.exchanges.filter(
      ({ invoked, completed }) => invoked > from + boundOf(fleet.lease) && completed < until,
    )
    assert.ok(during.length > 0 && during.every(({ status }) => status === 503))
    assert.deepEqual(
      [...serving()].sort(),
      fleet.instances.map(({ name }) => name).sort(),
      `each serves again: ${JSON.stringify(after().slice(-5))}`,
    )
    for (const instance of fleet.instances) {
      assert.equal(instance.crash, undefined)
      const { value } = await instance.do('stats')
      assert.equal(value?.pendingLookups, 0)
      // A connection that was given up still counts until the other side has closed it, too.
      const { proxy } = instance
      for (const end = now() + 5_000; proxy.connections > CONNECTIONS[kind] && now() < end;) await sleep(20)
      assert.ok(proxy.connections <= CONNECTIONS[kind], `${proxy.connections} connections`)
    }
  })
}
