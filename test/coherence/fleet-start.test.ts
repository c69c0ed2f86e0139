/** How an instance joins the fleet or fails to, and what it tells the operator. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { build, H, started, states, T } from '../cache/one-instance.ts'

describe('an instance that starts', () => {
  it('takes at most five seconds, however long the lease, and joins in the background', async () => {
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

  it('can be closed before it has joined', async () => {
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
  it('reports why, and again when the reason changes', async () => {
    const { cache, clock, store, reports } = await build()
    let cause = new Error('connection refused')
    store.driver.open = () => Promise.reject(cause)
    await cache.start()
    await clock.advance(40 * H)
    assert.deepEqual(reports, [{ event: 'state', state: 'cold', from: 'cold', cause }])

    cause = new Error('no', { cause: new Error('permission denied for table instances') })
    await clock.advance(40 * H)
    assert.deepEqual(reports.slice(1), [{ event: 'state', state: 'cold', from: 'cold', cause }])
    cause = new Error('no', { cause: new Error('out of connections') })
    await clock.advance(40 * H)
    assert.equal(reports.length, 3)
  })

  it('does not flood the log when every reason is different', async () => {
    const { cache, clock, store, reports } = await build()
    let attempts = 0
    store.driver.open = () => Promise.reject(new Error(`attempt ${attempts++}`))
    await cache.start()
    await clock.advance(1_000 * H)
    assert.equal(reports.length, 8)
  })

  it('reports again after it has recovered in between', async () => {
    const { clock, link, reports, store } = await started()
    const connect = store.driver.open.bind(store.driver)
    const cause = new Error('connection refused')
    for (let round = 0; round < 2; round++) {
      store.driver.open = () => Promise.reject(cause)
      link().lose()
      await clock.advance(3 * T)
      store.driver.open = connect
      await clock.advance(10_000 + T)
    }
    assert.deepEqual(states(reports), ['coherent', 'suspect', 'coherent', 'suspect', 'coherent'])
  })
})

describe('an instance whose connection fails', () => {
  it('stays coherent through two unanswered heartbeats in a row', async () => {
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

  it('does not wait for a quarter of a long lease before it reconnects', async () => {
    const { cache, clock, network, link } = await started({ lease: 60_000 })
    const old = link()
    network.hold = () => true
    await clock.advance(H + 2_000)
    assert.equal(old.destroyed, true)
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('backs off while reconnecting does not help, out of step with other instances', async () => {
    for (const spoil of [
      'the connection is lost as soon as it is made',
      'the store does not answer',
    ] as const) {
      const pauses: number[][] = []
      for (let instance = 0; instance < 5; instance++) {
        const { clock, network, store } = await started()
        const connect = store.driver.open.bind(store.driver)
        const made: number[] = []
        store.driver.open = async (events, signal) => {
          made.push(clock.now())
          const link = await connect(events, signal)
          if (spoil !== 'the store does not answer') setImmediate(() => events.onLost(new Error('reset')))
          return link
        }
        network.hold = (what) => spoil === 'the store does not answer' && what === 'beat'
        for (const link of store.fleet.links) link.lose()
        await clock.advance(100_000)
        pauses.push(made.slice(1).map((at, i) => at - (made[i] ?? 0)))
      }
      for (const [first = NaN, ...rest] of pauses) {
        assert.ok(first < H / 2 + T / 4, `${first}`)
        assert.ok(rest.length >= 12 && rest.length < 25, rest.join())
        assert.ok(rest.every((pause) => pause <= 10_000 + T / 4))
      }
      assert.equal(new Set(pauses.map((each) => each[3])).size, 5)
    }
  })
})
