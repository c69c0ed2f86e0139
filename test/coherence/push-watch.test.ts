/** Comparing pushes with what heartbeats find shows whether pushes arrive. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FleetReport } from '../../src/coherence/fleet-report.ts'
import { PushWatch } from '../../src/coherence/push-watch.ts'
import { settle } from '../cache/manual-clock.ts'
import { H, started } from '../cache/one-instance.ts'

const pushReports = (reports: FleetReport[]) =>
  reports.map(({ event }) => event).filter((event) => event.startsWith('push'))

describe('an instance without pushes', () => {
  it('reports silent pushes once, and does not count its own writes as pushes', async () => {
    const { clock, fleet, reports, store } = await started()
    fleet.pushes = false
    for (let i = 0; i < 4; i++) {
      await store.updateKey('key_aa', { name: `elsewhere ${i}` })
      await clock.advance(2 * H)
      await store.updateKey('key_aa', { name: `here ${i}` })
      store.coherence.wrote(fleet.epoch)
      await clock.advance(2 * H)
    }
    assert.deepEqual(pushReports(reports), ['push-silent'])
  })

  it('beats at once after its own write, unless it already knows of it', async () => {
    const { cache, fleet, store } = await started()
    fleet.pushes = false
    const beats: number[] = []
    fleet.onAcknowledge = (_instance, epoch) => beats.push(epoch)
    await store.revokeKey('key_aa', new Date(0))
    store.coherence.wrote(fleet.epoch)
    await settle()
    assert.equal(cache.lookup('aa'), undefined)
    const { length } = beats
    store.coherence.wrote(fleet.epoch)
    await settle()
    assert.equal(beats.length, length)
  })

  it('reports silent pushes after a new history with lower epochs', async () => {
    const { clock, fleet, reports, store } = await started()
    for (let i = 0; i < 20; i++) await store.updateKey('key_aa', { name: `${i}` })
    await settle()
    fleet.epoch = 0
    fleet.history = 'second'
    fleet.log = []
    await clock.advance(2 * H)
    fleet.pushes = false
    await store.updateKey('key_aa', { name: 'again' })
    await clock.advance(2 * H)
    assert.deepEqual(pushReports(reports), ['push-silent'])
  })

  it('reports nothing for a new history, which nobody pushes', async () => {
    const { clock, fleet, reports } = await started()
    fleet.history = 'second'
    fleet.epoch++
    await clock.advance(4 * H)
    assert.deepEqual(pushReports(reports), [])
  })
})

describe('PushWatch', () => {
  it('does not mistake the push of an older change for the one that it waits for', () => {
    const turns: boolean[] = []
    const watch = new PushWatch((silent) => turns.push(silent))
    watch.found(7, 0)
    watch.pushed(6, 10)
    assert.deepEqual(watch.stats(), { state: 'alive', lag: 0 })
    watch.settled(100, 50)
    assert.deepEqual(turns, [true])
    watch.pushed(8, 200)
    assert.deepEqual(turns, [true, false])
  })
})
