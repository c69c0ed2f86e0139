/** What a fleet without pushes does. */
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Confirmation } from '../../src/stores/coherent-key-store.ts'
import { quantile } from './campaign.ts'
import type { Fleet } from './fleet.ts'
import { now } from './history.ts'
import type { Instance } from './instance-process.ts'
import { statusOf } from './load.ts'
import { untilHeld } from './until-held.ts'

const CHANGES = 6
/** Milliseconds beyond a heartbeat: a round trip, even if the machine stands still for a while. Far below the lease. */
const SLACK = 5_000
/** The same for the median, because the machine does not stand still at every change. */
const USUAL_SLACK = 1_000
const WARNING = /^pushes of key changes do not arrive/

/**
 * Puts keys into the memory of every instance, and revokes them: in turn outside the fleet, and by the first instance. The
 * other instances write nothing, so only their heartbeats can tell them of it.
 *
 * @throws unless each change is seen within a heartbeat and a round trip, confirmed by all as fast, and one warning is logged
 * @returns the longest times, in milliseconds
 */
export async function silentPushes(fleet: Fleet): Promise<{ worst: { seen: number; confirmed: number } }> {
  const { heartbeat, lease } = fleet.target.optionsFor(0)
  const limit = heartbeat + SLACK
  assert.ok(limit < lease / 2, 'what is measured could just as well be the lease')
  const [writer, ...watchers] = fleet.instances
  assert.ok(writer)
  const agent = new Agent({ keepAlive: true })
  const worst = { seen: 0, confirmed: 0 }
  /** Milliseconds until each watcher saw each change, and until each confirmation. */
  const times: number[] = []
  try {
    // An instance that is not coherent yet has nothing in memory.
    assert.deepEqual((await fleet.recovered()).lost, [])
    await writer.do('createTenant', 'silent')
    // On an empty Redis, the first confirmation waits for a lease, because rows of instances may have been lost.
    await revoke(writer, (await newKey(writer)).details.id)
    for (let i = 0; i < CHANGES; i++) {
      const { key, details } = await newKey(writer)
      const ask = ({ port }: Instance) => statusOf(port, '/open', key, agent)
      for (const instance of watchers) assert.ok(await untilHeld(instance, () => ask(instance)))

      if (i % 2 === 0) {
        await fleet.target.plain.revoke([details.id])
        const committed = now()
        for (const instance of watchers) {
          while ((await ask(instance)) !== 401) {
            assert.ok(now() - committed < limit, `${instance.name} accepts it after ${limit} ms`)
            await sleep(5)
          }
          times.push(now() - committed)
          worst.seen = Math.max(worst.seen, now() - committed)
        }
      } else {
        const confirmation = await revoke(writer, details.id)
        assert.deepEqual(
          await Promise.all(watchers.map(ask)),
          watchers.map(() => 401),
        )
        assert.equal(confirmation.confirmedBy, 'all')
        assert.ok(confirmation.waitedMs < limit, `confirmed after ${confirmation.waitedMs} ms`)
        times.push(confirmation.waitedMs)
        worst.confirmed = Math.max(worst.confirmed, confirmation.waitedMs)
      }
    }
    const usual = quantile(times, 0.5)
    assert.ok(usual < heartbeat + USUAL_SLACK, `a change usually takes ${usual} ms`)
    // The warning needs one more heartbeat after the one that saw the last change.
    await sleep(3 * heartbeat)
    for (const instance of watchers) {
      const warnings = [...instance.said].filter(([message]) => WARNING.test(message))
      assert.deepEqual(
        warnings.map(([, count]) => count),
        [1],
        `warnings of ${instance.name}`,
      )
      assert.equal((await instance.do('stats')).value?.fleet?.push.state, 'silent')
    }
    return { worst }
  } finally {
    agent.destroy()
  }
}

async function newKey(writer: Instance) {
  const { value, error } = await writer.do('create', 'silent', [])
  if (value === undefined) throw new Error(`no key can be created: ${error}`)
  return value
}

async function revoke(writer: Instance, id: string): Promise<Confirmation> {
  const { value, error } = await writer.do('revoke', id)
  if (value === undefined) throw new Error(`no key can be revoked: ${error}`)
  return value
}
