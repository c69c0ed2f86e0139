/** What an operator can read about an instance: figures, events, and trouble that looks like none. */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it } from 'node:test'
import { settle } from '../cache/manual-clock.ts'
import { build, H, started, T } from '../cache/one-instance.ts'

type Numbers = { [name: string]: unknown }

/** Paths of the numbers in `stats()` that describe the present state. All others are counters. */
const GAUGES = new Set(
  `cachedKeys cachedRefusals pendingLookups waitingLookups fleet.leaseRemaining fleet.lastHeartbeat fleet.epoch
  fleet.sinceCoherent fleet.members fleet.push.lag degraded.since fleet.confirmations.last.epoch
  fleet.confirmations.last.instances fleet.confirmations.last.waitedMs`.split(/\s+/),
)

function counters(stats: object, path = ''): [string, number][] {
  return Object.entries(stats as Numbers).flatMap(([name, value]) => {
    const here = path + name
    if (typeof value === 'number') return GAUGES.has(here) ? [] : [[here, value] as [string, number]]
    return typeof value === 'object' && value !== null ? counters(value, `${here}.`) : []
  })
}

describe('stats()', () => {
  it('has counters that only rise, whatever happens', async () => {
    const { cache, clock, fleet, link, network, release, store } = await started()
    let before = new Map(counters(cache.stats()))
    const happenings: (() => unknown)[] = [
      () => cache.find('cc'),
      () => store.coherence.confirm({ epoch: fleet.epoch, history: fleet.history }),
      () => link().lose(),
      () => (fleet.history = 'second'),
      () => fleet.loseRows(),
      () => (network.hold = () => true),
      () => clock.advance(2 * T),
      () => release(),
      () => clock.jumpWall(3_600_000),
    ]
    for (const happen of happenings) {
      void happen()
      await clock.advance(2 * H)
      const now = new Map(counters(cache.stats()))
      for (const [name, value] of before) assert.ok((now.get(name) ?? -1) >= value, name)
      before = now
    }
    const still = [...before].filter(([, value]) => value === 0).map(([name]) => name)
    assert.ok(!still.some((name) => /reconnects|failedBeats|resets|gone/.test(name)), still.join(' '))
  })

  it('reports how long an instance has not been coherent, and how many heartbeats have failed', async () => {
    const { cache, clock, store } = await build()
    const connect = store.driver.open.bind(store.driver)
    const refuse = () => Promise.reject(new Error('refused'))
    store.driver.open = refuse
    const fleet = () => cache.stats().fleet ?? assert.fail()
    assert.equal(fleet().failedBeats, 0)
    await cache.start()
    await clock.advance(3 * H)
    assert.equal(fleet().sinceCoherent, null)
    assert.ok(fleet().failedBeats >= 3)
    store.driver.open = connect
    await clock.advance(20 * H)
    assert.equal(fleet().sinceCoherent, 0)
    store.driver.open = refuse
    for (const link of store.fleet.links) link.lose()
    await clock.advance(T - H - 1)
    assert.equal(fleet().sinceCoherent, 0)
    await clock.advance(T)
    const since = fleet().sinceCoherent ?? 0
    assert.ok(since >= T && since <= 2 * T, `${since}`)
    assert.equal(fleet().reconnects, 1)
  })

  it('reports how many members the fleet had within the last minute', async () => {
    const { cache, clock, fleet } = await started()
    await clock.advance(H)
    assert.equal(cache.stats().fleet?.members, 1)
    fleet.rows.set('other', { instance: 'other', label: '', holds: T, session: 's', acknowledged: -1 })
    await clock.advance(60_000)
    assert.equal(cache.stats().fleet?.members, 2)
  })

  it('counts and times confirmations by kind, and publishes each on a channel', async (t) => {
    const { cache, clock, fleet, network, release, store } = await started()
    const events: object[] = []
    const listen = (message: unknown) => void events.push(message as object)
    subscribe('fastify-tenant-auth:confirmed', listen)
    t.after(() => unsubscribe('fastify-tenant-auth:confirmed', listen))

    await store.coherence.confirm({ epoch: fleet.epoch, history: fleet.history })
    fleet.rows.set('cut-off', {
      instance: 'cut-off',
      label: 'host:7',
      holds: T,
      session: 's',
      acknowledged: -1,
    })
    const waiting = store.coherence.confirm({ epoch: fleet.epoch, history: fleet.history })
    await clock.advance(3 * T)
    await waiting
    network.hold = () => true
    const failing = store.coherence.confirm({ epoch: fleet.epoch })
    failing.catch(() => {})
    await clock.advance(3 * T)
    await assert.rejects(failing)
    release()

    const { all, lease, failed, reaped, last } = cache.stats().fleet?.confirmations ?? assert.fail()
    assert.deepEqual([all.count, lease.count, failed.count, reaped], [1, 1, 1, 1])
    const waited = last?.waitedMs ?? 0
    assert.ok(waited >= T && Math.abs(lease.ms - waited) < 300, `${lease.ms} of ${waited}`)
    assert.ok(failed.ms >= T)
    assert.deepEqual(
      events.map((event) => ('error' in event ? 'failed' : event)),
      [
        { epoch: fleet.epoch, confirmedBy: 'all', instances: 1, waitedMs: 0, reaped: [] },
        { epoch: fleet.epoch, confirmedBy: 'lease', instances: 2, waitedMs: waited, reaped: ['host:7'] },
        'failed',
      ],
    )
  })
})

describe('an instance that reconnects and finds its row gone', () => {
  for (const reason of ['reaped', 'lost'] as const) {
    it(`reports that it was ${reason}`, async () => {
      const { clock, fleet, link, reports } = await started()
      fleet.rows.clear()
      if (reason === 'lost') fleet.history = 'second'
      link().lose()
      await clock.advance(10 * H)
      const gone = reports.filter(({ event }) => event === 'gone')
      assert.deepEqual(gone, [{ event: 'gone', reason }])
    })
  }
})

describe('an instance that freezes', () => {
  it('reports frequent freezes once in ten minutes, and counts each one', async () => {
    const { cache, clock, reports } = await started()
    const freeze = async () => {
      clock.freeze(T + H + 1)
      await clock.advance(H)
    }
    const told = () => reports.filter(({ event }) => event === 'frozen')
    await freeze()
    await freeze()
    assert.deepEqual(told(), [])
    for (let i = 0; i < 5; i++) await freeze()
    assert.deepEqual(told(), [{ event: 'frozen', count: 3 }])
    assert.equal(cache.stats().fleet?.freezes, 7)
    await clock.advance(600_000)
    for (let i = 0; i < 3; i++) await freeze()
    assert.equal(told().length, 2)
  })

  it('does not report the occasional sleep of a laptop, which only the wall clock shows', async () => {
    const { cache, clock, reports } = await started()
    for (let i = 0; i < 5; i++) {
      clock.jumpWall(3_600_000)
      await clock.advance(600_000)
    }
    await settle()
    assert.equal(cache.stats().fleet?.freezes, 5)
    assert.ok(reports.every(({ event }) => event !== 'frozen'))
  })
})
