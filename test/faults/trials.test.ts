/**
 * Trials of a real fleet on real servers, each fault of the list at least once on PostgreSQL. The same seeds each time, so that a
 * failure here can be played again; `npm run test:faults` plays many more.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { campaign } from './campaign.ts'
import { describeTrial } from './describe-trial.ts'

for (const [kind, name, trials] of [
  ['postgres', 'PostgreSQL', 30],
  ['redis', 'Redis', 10],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`no key is accepted after its revocation, whatever goes wrong (${name})`, { skip }, async () => {
    // Every third fault where trials are few.
    const step = trials < 20 ? 3 : 1
    const seeds = Array.from({ length: trials }, (_, i) => 1 + i * step)
    const results = await campaign(kind, seeds, { parallel: 2 })
    assert.equal(results.length, trials)
    for (const result of results) assert.deepEqual(result.violations, [], describeTrial(result))
  })
}
