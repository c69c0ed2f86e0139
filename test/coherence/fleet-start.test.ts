/** How an instance comes into the fleet, or does not, and what an operator is told of it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TenantAuthError } from '../../src/http/errors.ts'
import { settle } from '../cache/manual-clock.ts'
import { build, H, started, states, T } from '../cache/one-instance.ts'

const mismatch = () => new TenantAuthError('TENANT_AUTH_FLEET_MISMATCH', 'host:1 has a lease of 5000 ms')

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

  for (const code of ['TENANT_AUTH_FLEET_MISMATCH', 'TENANT_AUTH_BAD_OPTION'] as const) {
    it(`does not start at all where it may not be part of the fleet: ${code}`, async () => {
      const { cache, clock, store, reports } = await build()
      let attempts = 0
      store.coherence.connect = () => {
        attempts++
        return Promise.reject(new TenantAuthError(code, 'no'))
      }
      await assert.rejects(cache.start(), { code })
      await clock.advance(60_000)
      assert.equal(attempts, 1)
      assert.deepEqual(reports, [], 'it is thrown, and needs no report')
      await cache.close()
    })
  }

  it('leaves no connection behind when it is refused', async () => {
    const { cache, fleet, store } = await build()
    const connect = store.coherence.connect.bind(store.coherence)
    store.coherence.connect = async (events, signal) => {
      const link = await connect(events, signal)
      link.register = () => Promise.reject(mismatch())
      return link
    }
    await assert.rejects(cache.start(), { code: 'TENANT_AUTH_FLEET_MISMATCH' })
    assert.equal(fleet.links.size, 0)
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

describe('an instance that is refused after it has started', () => {
  it('says so, is cold, and does not ask again with every heartbeat', async () => {
    const { cache, clock, store, reports } = await build()
    const connect = store.coherence.connect.bind(store.coherence)
    let answer: () => Promise<never> = () => Promise.reject(new Error('connection refused'))
    let attempts = 0
    store.coherence.connect = () => {
      attempts++
      return answer()
    }
    await cache.start()
    const cause = mismatch()
    answer = () => Promise.reject(cause)
    await clock.advance(20 * H)
    assert.equal(attempts, 2)
    assert.deepEqual(reports.slice(1), [{ event: 'refused', cause }])
    await clock.advance(60_000)
    assert.ok(attempts <= 4, `${attempts}`)
    assert.equal(reports.length, 2, 'it is told once')

    store.coherence.connect = connect
    await clock.advance(30_000)
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('tells of the state it was in as well', async () => {
    const { clock, store, reports, link } = await started()
    const cause = mismatch()
    store.coherence.connect = () => Promise.reject(cause)
    clock.freeze(T)
    link().lose()
    await clock.advance(H)
    assert.deepEqual(
      reports.slice(-2).map((report) => report.event),
      ['state', 'refused'],
    )
    assert.deepEqual(states(reports), ['coherent', 'suspect'])
  })
})

describe('an instance that cannot join', () => {
  it('tells why the first time, and again when the reason is another one', async () => {
    const { cache, clock, store, reports } = await build()
    let cause = new Error('connection refused')
    store.coherence.connect = () => Promise.reject(cause)
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
    store.coherence.connect = () => Promise.reject(new Error(`attempt ${attempts++}`))
    await cache.start()
    await clock.advance(100 * H)
    assert.ok(attempts > 50)
    assert.equal(reports.length, 8)
  })

  it('tells again after it was well in between', async () => {
    const { clock, link, reports, store } = await started()
    const connect = store.coherence.connect.bind(store.coherence)
    const cause = new Error('connection refused')
    for (let round = 0; round < 2; round++) {
      store.coherence.connect = () => Promise.reject(cause)
      link().lose()
      await clock.advance(T + H)
      store.coherence.connect = connect
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
    const connect = store.coherence.connect.bind(store.coherence)
    let made = 0
    store.coherence.connect = async (events, signal) => {
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
