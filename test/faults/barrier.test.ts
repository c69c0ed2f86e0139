/** Without faults: once a revocation has returned, every instance refuses the very next request. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { type BarrierSample, judgeBarrier, measureBarrier } from './barrier.ts'
import { quantile, startFleet } from './campaign.ts'

/** Of which each makes a first request to two instances: 500 for each store. */
const SAMPLES = 250
/** A lease that survives a machine which stands still for seconds: without one an instance answers 503. */
const SETTINGS = { lease: 10_000, heartbeat: 500 }
/** Milliseconds. How fast it is can be judged on a quiet machine alone: `npm run trials -- --barrier 500`. */
const SANE = 1_000

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`the first request after revoke() returned is refused everywhere (${name})`, { skip }, async (t) => {
    const fleet = await startFleet(kind, { settings: SETTINGS })
    try {
      const samples = await measureBarrier(fleet, SAMPLES)
      assert.deepEqual(judgeBarrier(samples, SAMPLES, SANE), [])
      const waits = samples.map(({ waitedMs }) => waitedMs)
      t.diagnostic(`barrier: median ${quantile(waits, 0.5)} ms, p99 ${quantile(waits, 0.99)} ms`)
    } finally {
      await fleet.stop()
    }
  })
}

describe('the verdict on a barrier', () => {
  const sample = (fields: Partial<BarrierSample> = {}): BarrierSample => {
    return { waitedMs: 10, confirmedBy: 'all', pushLags: [], statuses: [401, 401], ...fields }
  }
  test('is good when all were refused, fast', () => {
    assert.deepEqual(judgeBarrier([sample(), sample({ waitedMs: 900 }), sample()], 3, 50), [])
  })
  test('is bad when one was accepted, or not answered', () => {
    assert.equal(judgeBarrier([sample(), sample({ statuses: [401, 200] })], 2, 50).length, 1)
    assert.equal(judgeBarrier([sample(), sample({ statuses: [503, 401] })], 2, 50).length, 1)
  })
  test('is bad when the median is slow', () => {
    assert.equal(judgeBarrier([sample({ waitedMs: 50 }), sample({ waitedMs: 50 })], 2, 50).length, 1)
  })
  test('is bad when too little was measured, or nothing', () => {
    assert.equal(judgeBarrier([sample()], 2, 50).length, 1)
    assert.equal(judgeBarrier([], 0, 50).length, 1)
    assert.equal(judgeBarrier([sample({ statuses: [] })], 1, 50).length, 1)
  })
})
