import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settle } from '../cache/manual-clock.ts'
import { build, H, keyId, newKey, started, states, T } from '../cache/one-instance.ts'

describe('a cold instance', () => {
  it('starts even if the store is unreachable, asks it for every key, and caches nothing', async () => {
    const { cache, clock, store, network, release } = await build({ offline: true })
    const starting = cache.start()
    await clock.advance(2 * T + 1_000)
    await starting
    assert.equal(cache.ready, false)
    assert.equal(cache.stats().fleet?.state, 'cold')

    network.hold = (what) => what !== 'read' && what !== 'answer'
    await cache.find('aa')
    assert.equal(cache.lookup('aa'), undefined)
    release()
    await clock.advance(H)
    assert.equal(cache.stats().fleet?.state, 'coherent')
    assert.equal(cache.ready, true)
    await cache.find('aa')
    assert.equal(cache.lookup('aa'), 'unknown')
    assert.equal(store.reads, 2)
  })

  it('lets no request join the read of another, as no invalidation would reach it', async () => {
    const { cache, clock, store, network, release } = await build({ offline: true })
    const starting = cache.start()
    await clock.advance(2 * T + 1_000)
    await starting
    network.hold = () => true
    const found = [cache.find('aa'), cache.find('aa')]
    await settle()
    assert.equal(store.reads, 2)
    release()
    await Promise.all(found)
  })

  it('registers under a new id if it does not learn whether it has registered', async () => {
    const { cache, clock, fleet, network, reports, release } = await build()
    network.hold = (what) => what === 'attached'
    const starting = cache.start()
    await clock.advance(T / 4)
    assert.equal(fleet.rows.size, 1, 'it has registered without learning of it')
    release()
    await clock.advance(T)
    await starting
    assert.equal(cache.stats().fleet?.state, 'coherent')
    assert.equal(fleet.rows.size, 2)
    assert.deepEqual(
      reports.filter(({ event }) => event === 'gone'),
      [],
      'no other process is said to use its identity',
    )
  })

  it('destroys a connection that opens after it was closed', async () => {
    const { cache, clock, fleet, release } = await build({ offline: true })
    const starting = cache.start()
    await clock.advance(2 * T + 1_000)
    await starting
    await cache.close()
    release()
    await settle()
    assert.equal(fleet.links.size, 0)
  })
})

describe('a coherent instance', () => {
  it('serves from memory and joins reads', async () => {
    const { cache, store } = await started()
    const { reads } = store
    assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    await Promise.all([cache.find('cc'), cache.find('cc')])
    assert.equal(store.reads, reads + 1)
    assert.equal(cache.stats().fleet?.push.state, 'alive')
  })

  it('checks the lease on every hit, so that a stopped process serves nothing stale', async () => {
    const { cache, clock } = await started()
    clock.freeze(T - 1)
    assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    clock.freeze(1)
    assert.equal(cache.lookup('aa'), undefined)
  })

  it('counts the lease from when the beat was sent, not from when it was answered', async () => {
    const { cache, clock, network, release } = await started()
    network.hold = () => true
    await clock.advance(H) // The beat is sent.
    clock.freeze(400)
    release()
    await settle()
    assert.equal(cache.stats().fleet?.leaseRemaining, T - 400)
    assert.equal(cache.stats().fleet?.lastHeartbeat, 0)
  })

  it('drops changed keys before it acknowledges the change', async () => {
    const { cache, fleet, store, clock } = await started()
    fleet.pushes = false
    const served: boolean[] = []
    const { epoch } = (await store.revokeKey('key_aa', new Date(0))) ?? { epoch: 0 }
    fleet.onAcknowledge = (_instance, acknowledged) => {
      if (acknowledged >= epoch) served.push(cache.lookup('aa') !== undefined)
    }
    assert.equal(keyId(cache.lookup('aa')), 'key_aa', 'without a push it stays until the next beat')
    await clock.advance(H)
    assert.equal(cache.lookup('aa'), undefined)
    assert.deepEqual(served, [false])
    assert.equal(keyId(cache.lookup('bb')), 'key_bb', 'the others stay')
  })

  it('beats at once when a push arrives', async () => {
    const { cache, store } = await started()
    await store.revokeKey('key_aa', new Date(0))
    await settle()
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(await cache.find('aa'), 'revoked')
  })

  it('does not cache a read during which the key changed, or let later requests join it', async () => {
    const { cache, store, network, held } = await started()
    network.hold = (what) => what === 'answer'
    await store.insertKey(newKey('cc'))
    const before = cache.find('cc')
    await settle()
    await store.revokeKey('key_cc', new Date(0))
    await settle()
    network.hold = () => false
    assert.equal(await cache.find('cc'), 'revoked')
    for (const { go } of held.splice(0)) go()
    assert.equal(keyId(await before), 'key_cc')
    assert.equal(cache.lookup('cc'), 'revoked')
  })

  it('does not cache a read during which the lease lapsed', async () => {
    const { cache, clock, network, held, release } = await started()
    network.hold = () => true
    await clock.advance(T - 200)
    const found = cache.find('cc')
    network.hold = (what) => what !== 'read'
    for (const read of held.filter(({ what }) => what === 'read')) read.go()
    await clock.advance(400)
    assert.equal(cache.stats().fleet?.state, 'suspect')
    const answers = held.splice(0).filter(({ what, go }) => {
      if (what !== 'answer') go()
      return what === 'answer'
    })
    release()
    await clock.advance(400)
    assert.equal(cache.stats().fleet?.state, 'coherent')
    for (const { go } of answers) go()
    assert.equal(await found, 'unknown')
    assert.equal(cache.lookup('cc'), undefined)
  })

  it('reports once when its pushes stop, and again when they resume', async () => {
    const { clock, fleet, store, reports } = await started()
    fleet.pushes = false
    for (let i = 0; i < 3; i++) {
      await store.updateKey('key_aa', { name: `n${i}` })
      await clock.advance(H)
      await clock.advance(H)
    }
    const silent = () => reports.filter(({ event }) => event.startsWith('push')).map(({ event }) => event)
    assert.deepEqual(silent(), ['push-silent'])
    fleet.pushes = true
    await store.updateKey('key_aa', { name: 'again' })
    await settle()
    assert.deepEqual(silent(), ['push-silent', 'push-restored'])
  })

  it('measures how far a push lags behind the beat that saw the change', async () => {
    const { cache, clock, store, network, held, release } = await started()
    network.hold = (what) => what === 'push'
    await store.updateKey('key_aa', { name: 'n' })
    await clock.advance(H)
    clock.freeze(30)
    assert.equal(held.length, 1)
    release()
    await settle()
    assert.equal(cache.stats().fleet?.push.lag, 30)
  })

  it('keeps the lease while changes come faster than it can beat', async () => {
    const { cache, clock, fleet } = await started()
    let remaining = 0
    let turns = 0
    fleet.onAcknowledge = () => {
      clock.freeze(300)
      if (++turns > 20) return
      fleet.bump([])
      remaining = cache.stats().fleet?.leaseRemaining ?? 0
    }
    fleet.bump([])
    await clock.advance(H)
    assert.ok(turns > 20)
    assert.ok(remaining >= T - 1_000, 'for six seconds, each beat has proven what the one before had read')
  })
})

describe('an instance that is cut off', () => {
  it('serves until its lease ends, and the same entries again once it has caught up', async () => {
    const { cache, clock, store, network, release, reports } = await started()
    network.hold = () => true
    await clock.advance(T - 1)
    assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    await clock.advance(H)
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(cache.stats().fleet?.state, 'suspect')

    const failing = cache.find('aa')
    failing.catch(() => {})
    await clock.advance(1_000)
    await assert.rejects(failing, /no answer/)
    release()
    await clock.advance(2 * T + 1_000 + H)
    assert.deepEqual(states(reports), ['coherent', 'suspect', 'coherent'])
    const { reads } = store
    assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    assert.equal(keyId(cache.lookup('bb')), 'key_bb')
    assert.equal(store.reads, reads, 'no refill storm')
  })

  it('drops the keys revoked in the meantime before it serves again', async () => {
    const { cache, clock, fleet, network, release } = await started()
    network.hold = () => true
    await clock.advance(T + H)
    await fleet.write(() => fleet.inner.revokeKey('key_aa', new Date(0)))
    release()
    await clock.advance(2 * T + 1_000 + H)
    assert.equal(cache.stats().fleet?.state, 'coherent')
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(keyId(cache.lookup('bb')), 'key_bb')
  })

  it('caches nothing and joins no read while it has no lease', async () => {
    const { cache, clock, store, network } = await started()
    network.hold = (what) => what !== 'read' && what !== 'answer'
    await clock.advance(T + H)
    const { reads } = store
    await Promise.all([cache.find('cc'), cache.find('cc')])
    assert.equal(store.reads, reads + 2)
    assert.equal(cache.stats().cachedRefusals, 0)
  })

  it('replaces a connection that misses its time limit', async () => {
    const { clock, cache, network, link, release } = await started()
    const old = link()
    network.hold = () => true
    await clock.advance(H + T / 4)
    assert.equal(old.destroyed, true)
    release()
    await clock.advance(2 * T + 1_000 + H)
    assert.equal(cache.stats().fleet?.state, 'coherent')
    assert.notEqual(link(), old)
  })

  it('reconnects within a quarter of a heartbeat, and keeps its row and its entries', async () => {
    const { cache, clock, fleet, link } = await started()
    const old = link()
    old.lose()
    await clock.advance(H / 4)
    assert.notEqual(link(), old)
    assert.equal(fleet.rows.size, 1)
    assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('registers again over the same connection when its row is gone', async () => {
    const { cache, clock, fleet, link } = await started()
    const old = link()
    fleet.rows.clear()
    await clock.advance(2 * H)
    const { gone, failedBeats, reconnects, state } = cache.stats().fleet ?? assert.fail()
    assert.deepEqual([gone, failedBeats, reconnects, state], [1, 0, 0, 'coherent'])
    assert.equal(link(), old)
    assert.equal(fleet.rows.size, 1)
  })

  it('gives up on a connection over which the store does not record what it acknowledges', async () => {
    const { cache, fleet, link } = await started()
    const old = link()
    let asked = 0
    fleet.onAcknowledge = (instance) => {
      asked++
      Object.assign(fleet.rows.get(instance) ?? {}, { acknowledged: -1 })
    }
    fleet.bump([])
    await settle()
    assert.deepEqual([asked, cache.stats().fleet?.failedBeats, old.destroyed], [4, 1, true])
  })

  it('treats a row whose new token it did not learn as lost, not as taken by another process', async () => {
    const { cache, clock, network, reports, link, release } = await started()
    network.hold = (what) => what === 'attached'
    link().lose()
    await clock.advance(H / 4 + T / 4)
    release()
    await clock.advance(2 * T)
    assert.deepEqual(
      reports.flatMap((report) => (report.event === 'gone' ? [report.reason] : [])),
      ['reaped'],
    )
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('tries again when a connection breaks while it opens', async () => {
    const { cache, clock, fleet, link, network, release } = await started()
    network.hold = (what) => what === 'connected'
    link().lose()
    await clock.advance(H / 4)
    link().lose()
    release()
    await clock.advance(H)
    assert.equal(fleet.links.size, 1)
    assert.equal(cache.stats().fleet?.state, 'coherent')
  })

  it('serves beyond its lease as staleIfError allows, and tells the fleet', async () => {
    const { cache, clock, fleet, network } = await started({ staleIfError: 1_500 })
    assert.equal([...fleet.rows.values()][0]?.holds, T + 1_500)
    network.hold = () => true
    await clock.advance(T)
    assert.equal(cache.lookup('aa'), undefined)
    const stale = cache.find('aa')
    await clock.advance(1_000)
    assert.equal(keyId(await stale), 'key_aa')
    assert.equal(cache.stats().staleHits, 1)
    const late = cache.find('aa')
    late.catch(() => {})
    await clock.advance(1_000)
    await assert.rejects(late, /no answer/)
  })

  it('serves nothing beyond its lease once the machine was suspended for an unknown time', async () => {
    const { cache, clock, network } = await started({ staleIfError: 60_000 })
    network.hold = () => true
    await clock.advance(T)
    const stale = cache.find('aa')
    stale.catch(() => {})
    clock.jumpWall(3 * 3_600_000)
    await clock.advance(1_000)
    await assert.rejects(stale, /no answer/)
    assert.equal(cache.stats().staleHits, 0)
  })

  it('voids its lease when the clocks diverge, and renews it at once', async () => {
    const { cache, clock, store } = await started()
    clock.jumpWall(-3_600_000)
    assert.equal(cache.lookup('aa'), undefined)
    await settle()
    const { reads } = store
    assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    assert.equal(store.reads, reads)
  })
})

describe('an instance whose store cannot say what changed', () => {
  for (const [reason, happen] of [
    ['other-history', ({ fleet }) => void (fleet.history = 'second')],
    ['epoch-went-back', ({ fleet }) => void (fleet.epoch = 1)],
    [
      'gap',
      ({ fleet }) => {
        fleet.bump(['aa'])
        fleet.log = []
      },
    ],
  ] as const satisfies [string, (built: Awaited<ReturnType<typeof started>>) => void][]) {
    it(`drops everything, pending reads included: ${reason}`, async () => {
      const built = await started()
      const { cache, clock, fleet, network, release, reports } = built
      fleet.pushes = false
      network.hold = (what) => what === 'answer'
      const pending = cache.find('cc')
      await settle()
      network.hold = (what) => what === 'answer'
      happen(built)
      await clock.advance(H)
      assert.equal(cache.lookup('aa'), undefined)
      assert.equal(cache.stats().cachedKeys, 0)
      release()
      await pending.catch(() => {})
      assert.equal(cache.lookup('cc'), undefined)
      assert.deepEqual(
        reports.filter((report) => report.event === 'reset'),
        [{ event: 'reset', reason }],
      )
      assert.equal(cache.stats().fleet?.resets, 1)
      await clock.advance(H)
      assert.equal(cache.stats().fleet?.state, 'coherent')
      assert.equal(fleet.rows.size, 1)
      await cache.find('aa')
      assert.equal(keyId(cache.lookup('aa')), 'key_aa')
    })
  }
})

describe('an instance that has just dropped everything', () => {
  it('lets no request join an earlier read', async () => {
    const { cache, clock, fleet, store, network, held } = await started()
    network.hold = (what) => what === 'answer'
    const before = cache.find('cc')
    await settle()
    fleet.history = 'second'
    await clock.advance(H)
    assert.equal(cache.stats().fleet?.state, 'coherent')
    const { reads } = store
    const after = cache.find('cc')
    await settle()
    assert.equal(store.reads, reads + 1)
    for (const { go } of held.splice(0)) go()
    await Promise.all([before, after])
  })
})

describe('an instance that leaves', () => {
  it('serves nothing any more and deletes its row', async () => {
    const { cache, fleet } = await started()
    await cache.close()
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(fleet.rows.size, 0)
    assert.equal(fleet.links.size, 0)
  })

  it('lets no beat under way revive its lease', async () => {
    const { cache, clock, fleet, network, release } = await started()
    network.hold = (what) => what === 'beat' || what === 'catch-up'
    await clock.advance(H)
    const closing = cache.close()
    release()
    await closing
    assert.equal(cache.lookup('aa'), undefined)
    assert.equal(cache.stats().fleet?.leaseRemaining, 0)
    assert.equal(fleet.rows.size, 0)
  })

  it('leaves even if the store does not answer', async () => {
    const { cache, clock, fleet, network } = await started()
    network.hold = (what) => what === 'leave'
    const closing = cache.close()
    await clock.advance(1_000)
    await closing
    assert.equal(fleet.rows.size, 1, 'the next confirmation reaps it')
    assert.equal(fleet.links.size, 0)
  })
})

describe('an unsettled history', () => {
  it('is settled by an instance that has watched it for the longest hold, not just a lease', async () => {
    const { clock, fleet } = await started()
    fleet.maxHolds = 60_000 // Of an instance whose row is lost: nobody here has ever seen it.
    fleet.loseRows()
    await clock.advance(3 * T)
    assert.notEqual(fleet.settled, `${fleet.history}/${fleet.roster}`)
    for (let at = 0; at < 80_000; at += H) await clock.advance(H)
    assert.equal(fleet.settled, `${fleet.history}/${fleet.roster}`)
  })
})
