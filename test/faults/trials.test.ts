/**
 * Trials of a real fleet on real servers, with every fault that the store can have. The seeds are the same each time, so
 * that a failure can be played again. `npm run trials` plays many more.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { campaign, LEASE } from './campaign.ts'
import { describeTrial } from './describe-trial.ts'
import { faultNames } from './faults.ts'
import { covering } from './plan.ts'

const TRIALS = 30

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`no key is accepted after its revocation, whatever goes wrong (${name})`, { skip }, async (t) => {
    const names = faultNames(kind)
    const results = await campaign(kind, covering(TRIALS, LEASE, names), { parallel: 2 })
    assert.equal(results.length, TRIALS)
    for (const result of results) assert.deepEqual(result.violations, [], describeTrial(result))
    // A fault without effect does not count as survived.
    const shown = new Set(results.flatMap((result) => result.shown))
    assert.deepEqual([...shown].sort(), [...names].sort())
    t.diagnostic(`${names.length} faults: ${names.join(', ')}`)
  })
}
