/** How an instance comes into the fleet, or does not, and what an operator is told of it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settle } from '../cache/manual-clock.ts'
import { build, H, started, states, T } from '../cache/one-instance.ts'

describe('an instance that starts', () => {
  it('does so within five seconds, however long the lease, and joins in the background', async () => {
    const { cache, clock, network, release } = await build({ offline: true, lease: 60_000 })
    let ready = false
    const starting = cache.start().then(() => (ready = true))
    await clock.advance(4_999)
    assert.equal(ready, false)
    await clock.advance(1)
    await starting
    assert.equal(cache.stats().fleet?.state, 'cold')
    network.hold = () => false
    release()
    await clock.advance(5_000 + H)
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('can be closed meanwhile', async () => {
    const { cache, clock, fleet, reports } = await build({ offline: true })
    const starting = cache.start()
    await clock.advance(100)
    await cache.close()
    await starting
    await clock.advance(60_000)
    assert.equal(fleet.links.size, 0)
    assert.deepEqual(reports, [])
  })
})

describe('an instance that cannot join', () => {
  it('tells why the first time, and again when the reason is another one', async () => {
    const { cache, clock, store, reports } = await build()
    let cause = new Error('connection refused')
    store.driver.open = () => Promise.reject(cause)
    await cache.start()
    await clock.advance(10 * H)
    assert.deepEqual(reports, [{ event: 'state', state: 'cold', from: 'cold', cause }])

    cause = new Error('no', { cause: new Error('permission denied for table instances') })
    await clock.advance(10 * H)
    assert.deepEqual(reports.slice(1), [{ event: 'state', state: 'cold', from: 'cold', cause }])
    cause = new Error('no', { cause: new Error('out of connections') })
    await clock.advance(10 * H)
    assert.equal(reports.length, 3)
  })

  it('does not fill the log where every reason is another one', async () => {
    const { cache, clock, store, reports } = await build()
    let attempts = 0
    store.driver.open = () => Promise.reject(new Error(`attempt ${attempts++}`))
    await cache.start()
    await clock.advance(100 * H)
    assert.ok(attempts > 50)
    assert.equal(reports.length, 8)
  })

  it('tells again after it was well in between', async () => {
    const { clock, link, reports, store } = await started()
    const connect = store.driver.open.bind(store.driver)
    const cause = new Error('connection refused')
    for (let round = 0; round < 2; round++) {
      store.driver.open = () => Promise.reject(cause)
      link().lose()
      await clock.advance(T + H)
      store.driver.open = connect
      await clock.advance(H)
    }
    assert.deepEqual(states(reports), ['coherent', 'suspect', 'coherent', 'suspect', 'coherent'])
  })
})

describe('an instance whose connection fails', () => {
  it('bridges two heartbeats in a row that were not answered', async () => {
    for (const lost of [1, 2]) {
      const { cache, clock, network } = await started()
      let left = lost
      network.hold = (what) => what === 'beat' && left-- > 0
      for (let ms = 0; ms < 3 * T; ms += 50) {
        await clock.advance(50)
        assert.equal(cache.stats().fleet?.state, 'coherent', `${lost} lost, after ${ms} ms`)
      }
    }
  })

  it('does not wait for a quarter of a long lease', async () => {
    const { cache, clock, network, link } = await started({ lease: 60_000 })
    const old = link()
    network.hold = () => true
    await clock.advance(H + 2_000)
    assert.equal(old.destroyed, true)
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('connects anew once at once, and then with the heartbeats, where each connection is lost as soon as it is made', async () => {
    const { clock, store } = await started()
    const connect = store.driver.open.bind(store.driver)
    let made = 0
    store.driver.open = async (events, signal) => {
      const link = await connect(events, signal)
      made++
      setImmediate(() => events.onLost(new Error('reset')))
      return link
    }
    const { fleet } = store
    for (const link of fleet.links) link.lose()
    await clock.advance(10 * H)
    await settle()
    assert.ok(made >= 8 && made <= 22, `${made}`)
  })
})
