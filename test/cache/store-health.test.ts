import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StoreHealth } from '../../src/cache/store-health.ts'
import { ManualClock } from './manual-clock.ts'

/** A store without a fleet that answers or fails. */
function setUp() {
  const clock = new ManualClock()
  const store = { away: true, asked: 0 }
  const health = new StoreHealth({
    clock,
    membership: undefined,
    isLocal: false,
    ask: async () => {
      store.asked++
      if (store.away) throw new Error('down')
      health.answered()
    },
  })
  return { clock, store, health }
}

describe('StoreHealth', () => {
  it('asks the store once a second until it answers, however often it is probed', async () => {
    const { clock, store, health } = setUp()
    for (let probes = 0; probes < 3; probes++) assert.equal(health.ready, false)
    await clock.advance(999)
    assert.equal(health.ready, false)
    assert.equal(store.asked, 1)
    store.away = false
    await clock.advance(1)
    assert.equal(health.ready, true)
    await clock.advance(10_000)
    assert.equal(store.asked, 2)
  })

  it('asks no more once it is closed', async () => {
    const { clock, store, health } = setUp()
    assert.equal(health.ready, false)
    health.close()
    await clock.advance(10_000)
    assert.deepEqual([health.ready, store.asked], [false, 1])
    const late = setUp()
    assert.equal(late.health.ready, false)
    await late.clock.advance(1)
    late.health.close()
    await late.clock.advance(10_000)
    assert.equal(late.store.asked, 1)
  })

  it('is degraded from the first failed look-up to the next answer, and names the latest cause', async () => {
    const { clock, health } = setUp()
    const degraded = () => health.degraded
    assert.equal(degraded(), null)
    const since = clock.wall()
    health.failed(new Error('first'))
    await clock.advance(100)
    health.failed(new Error('second'))
    assert.equal(degraded()?.since, since)
    assert.match(String(degraded()?.cause), /second/)
    health.answered()
    assert.equal(degraded(), null)
    await clock.advance(100)
    health.failed(new Error('third'))
    assert.equal(degraded()?.since, since + 200)
  })
})
