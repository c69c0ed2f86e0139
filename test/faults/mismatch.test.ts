/** An instance that would hold keys for longer, or let its rows be reaped sooner, than the others does not start. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisAvailable } from '../servers/index.ts'
import { startFleet } from './campaign.ts'

/** A lease so long that no stall of the machine makes an instance look gone. */
const LEASE = 5_000
const HEARTBEAT = 200

for (const [kind, name] of [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
] as const) {
  const skip = kind === 'redis' && !redisAvailable() && 'redis-server is not installed'
  test(`a process with another lease or heartbeat refuses to start (${name})`, { skip }, async (t) => {
    const fleet = await startFleet(kind, { size: 1, settings: { lease: LEASE, heartbeat: HEARTBEAT } })
    t.after(() => fleet.stop())
    for (const settings of [{ lease: 2 * LEASE }, { heartbeat: HEARTBEAT / 2 }]) {
      await assert.rejects(fleet.add(settings), (error: Error) => {
        assert.match(error.message, /TENANT_AUTH_FLEET_MISMATCH/)
        // It says what the others have.
        assert.ok(error.message.includes(String(LEASE)) && error.message.includes(String(HEARTBEAT)))
        return true
      })
    }
    // The one that was there first serves on, and another one with its settings is welcome.
    await fleet.add()
    const { lost } = await fleet.recovered()
    assert.deepEqual(lost, [])
    assert.equal(fleet.instances.length, 2)
  })
}
