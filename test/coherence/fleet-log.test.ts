/** What an app logs about its membership in the fleet. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { started } from '../cache/one-instance.ts'
import { FakeFleet } from './fake-fleet.ts'

it('an instance that cannot join logs each cause once', async () => {
  const causes = [new Error('connection refused')]
  const keyStore = new FakeFleet({ lease: 2_000, heartbeat: 20 }).connectAs('a')
  keyStore.driver.open = () => Promise.reject(causes.shift() ?? new Error('asked again at once'))
  const lines: { level: number; err?: { message: string } }[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number])
  const app = Fastify({ logger: { level: 'warn', stream: { write } } })
  await app.register(tenantAuth, { keyStore })
  await app.ready()
  await sleep(300)
  assert.deepEqual(
    lines.map(({ level, err }) => [level, err?.message]),
    [
      [40, 'connection refused'],
      [40, 'asked again at once'],
    ],
  )
  await app.close()
})

describe('a fault of connections', () => {
  it('is reported at once, then every ten seconds with how often it was seen in between', async () => {
    const { clock, reports, store } = await started()
    const seen = () => reports.filter(({ event }) => event === 'spoilt')
    for (let i = 0; i < 3; i++) store.coherence.spoilt('left open')
    store.coherence.spoilt('another')
    await clock.advance(9_999)
    store.coherence.spoilt('left open')
    await clock.advance(1)
    store.coherence.spoilt('left open')
    store.coherence.spoilt('left open')
    assert.deepEqual(seen(), [
      { event: 'spoilt', words: 'left open', count: 1 },
      { event: 'spoilt', words: 'another', count: 1 },
      { event: 'spoilt', words: 'left open', count: 4 },
    ])
  })

  it('is one of at most a hundred that are counted, so that words of the server cannot fill the memory', async () => {
    const { reports, store } = await started()
    const words = Array.from({ length: 101 }, (_, i) => `fault ${i}`)
    for (const one of [...words, ...words]) store.coherence.spoilt(one)
    const twice = reports.filter((report) => report.event === 'spoilt' && report.words === 'fault 100')
    assert.equal(reports.filter(({ event }) => event === 'spoilt').length, 102)
    assert.equal(twice.length, 2)
  })
})
