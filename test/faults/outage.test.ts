/** The store is gone for a while, under load: nothing is accepted that should not be, and nothing piles up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { boundOf } from './bound.ts'
import { startFleet } from './campaign.ts'
import { check } from './checker.ts'
import { ALL, History, now } from './history.ts'
import { Load } from './load.ts'
import { Random } from './random.ts'
import { Subjects } from './subjects.ts'

/** Milliseconds. */
const DOWN = 10_000
/** Of one instance to its store, for look-ups: what the pool of `instance-store.ts` holds. */
const POOL = 5

test('PostgreSQL is killed under load for ten seconds and comes back', async (t) => {
  const fleet = await startFleet('postgres')
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
  subjects.changed(revoked, 'revoke', called, await first.do('revoke', revoked.id), { ...good, good: false })

  await fleet.target.server.stop('SIGKILL')
  const from = now()
  const failed = await first.do('revoke', others[0]?.id ?? '')
  await sleep(DOWN)
  history.outages.push({ instance: ALL, from, until: now() })
  await fleet.target.server.start()
  const { lost } = await fleet.recovered()
  await sleep(500)
  await load.stop()

  assert.match(failed.error ?? '', /TenantAuthError/, 'revoke() claims nothing while the store is down')
  assert.deepEqual(lost, [])
  const violations = check(history, boundOf(fleet.lease)).map(({ message }) => message)
  assert.deepEqual(violations, [])
  const during = history.exchanges.filter(
    ({ invoked }) => invoked > from + boundOf(fleet.lease) && invoked < from + DOWN,
  )
  assert.ok(during.length > 0 && during.every(({ status }) => status === 503))
  for (const instance of fleet.instances) {
    assert.equal(instance.crash, undefined)
    const { value } = await instance.do('stats')
    assert.equal(value?.pendingLookups, 0)
    assert.ok(instance.proxy.connections <= POOL, `${instance.proxy.connections} connections`)
  }
})
