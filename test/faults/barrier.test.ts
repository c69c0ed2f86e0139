/** Without faults: a revocation that has returned holds for the very next request, on every instance. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { measureBarrier } from './barrier.ts'
import { quantile, startFleet } from './campaign.ts'

const SAMPLES = 100

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`the first request after revoke() returned is refused everywhere (${name})`, { skip }, async (t) => {
    const fleet = await startFleet(kind)
    try {
      const samples = await measureBarrier(fleet, SAMPLES)
      const statuses = samples.flatMap((sample) => sample.statuses)
      assert.equal(statuses.length, 2 * SAMPLES)
      // 503 would be right as well, on a machine so busy that an instance lost its lease.
      assert.deepEqual(
        statuses.filter((status) => status !== 401 && status !== 503),
        [],
      )
      const waits = samples.map(({ waitedMs }) => waitedMs)
      t.diagnostic(`barrier: median ${quantile(waits, 0.5)} ms, p99 ${quantile(waits, 0.99)} ms`)
    } finally {
      await fleet.stop()
    }
  })
}
