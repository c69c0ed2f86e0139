/** Two trials on each store. `npm run test:faults` plays those in which every fault shows, `npm run trials` any number. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { campaign } from './campaign.ts'
import { describeTrial } from './describe-trial.ts'

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`no key is accepted after its revocation in two trials (${name})`, { skip }, async () => {
    const results = await campaign(kind, [1, 2])
    assert.equal(results.length, 2)
    for (const result of results) {
      assert.deepEqual(result.violations, [], describeTrial(result))
      assert.ok(result.history.exchanges.length > 0, 'requests were made')
    }
  })
}
