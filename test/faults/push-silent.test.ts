/** Pushes are lost, and everything else works: the next heartbeat finds each change, and the log says so, once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { startFleet } from './campaign.ts'
import { silentPushes } from './silent-pushes.ts'

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`lost pushes delay changes by a heartbeat, and are reported (${name})`, { skip }, async (t) => {
    const fleet = await startFleet(kind, { settings: { lease: 16_000, heartbeat: 500 } })
    t.after(() => fleet.stop())
    for (const { pushes } of fleet.instances) pushes.dropping = true
    const { worst } = await silentPushes(fleet)
    for (const { pushes, name } of fleet.instances) assert.ok(pushes.dropped > 0, `${name} was sent no push`)
    t.diagnostic(`seen after ${Math.round(worst.seen)} ms, confirmed after ${Math.round(worst.confirmed)} ms`)
  })
}
