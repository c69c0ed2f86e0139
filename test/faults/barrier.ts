/** Measures how long a revocation takes on a healthy fleet, and checks that it holds at once. */
import { Agent } from 'node:http'
import { quantile } from './campaign.ts'
import type { Fleet } from './fleet.ts'
import { statusOf } from './load.ts'
import { untilHeld } from './until-held.ts'

export interface BarrierSample {
  /** Milliseconds from the commit to the return. */
  waitedMs: number
  confirmedBy: string
  /** Milliseconds from the store's answer to the commit until the push reached each other instance. */
  pushLags: number[]
  /** What the other instances answered to the first request after the return. */
  statuses: number[]
}

/** Revokes a key that every instance has in memory on one of them, and sends a request to the others at once. */
export async function measureBarrier(fleet: Fleet, count: number): Promise<BarrierSample[]> {
  const agent = new Agent({ keepAlive: true })
  const tenant = `barrier-${process.pid}`
  await fleet.instances[0]?.do('createTenant', tenant)
  const samples: BarrierSample[] = []
  // Bounded: a fleet that never has a key in memory is not healthy.
  for (let i = 0; samples.length < count && i < 2 * count + 20; i++) {
    const revoker = fleet.instances[i % fleet.instances.length]
    const created = (await revoker?.do('create', tenant, []))?.value
    if (revoker === undefined || created === undefined) throw new Error('a healthy fleet cannot create a key')
    const ask = (port: number) => statusOf(port, '/open', created.key, agent)
    const held = await Promise.all(
      fleet.instances.map((instance) => untilHeld(instance, () => ask(instance.port))),
    )
    const { value, committed, error } = await revoker.do('revoke', created.details.id)
    if (value === undefined || committed === undefined)
      throw new Error(`a healthy fleet cannot revoke a key: ${error}`)
    const others = fleet.instances.filter((instance) => instance !== revoker)
    const statuses = await Promise.all(others.map(({ port }) => ask(port)))
    // If a busy machine kept an instance from its heartbeat, nothing was in memory, and a refusal proves nothing.
    if (held.includes(false)) continue
    const pushed = await Promise.all(others.map((instance) => instance.do('pushedAt', value.epoch)))
    const pushLags = pushed.flatMap(({ value: at }) => (at === undefined ? [] : [at - committed]))
    samples.push({ waitedMs: value.waitedMs, confirmedBy: value.confirmedBy, pushLags, statuses })
  }
  agent.destroy()
  return samples
}

/**
 * @param limit milliseconds that the median must stay under
 * @returns what is wrong, in words
 */
export function judgeBarrier(samples: readonly BarrierSample[], count: number, limit: number): string[] {
  const wrong: string[] = []
  if (samples.length < count) wrong.push(`only ${samples.length} of ${count} revocations could be measured`)
  const statuses = samples.flatMap((sample) => sample.statuses)
  const others = statuses.filter((status) => status !== 401)
  if (others.length > 0) {
    wrong.push(
      `${others.length} of ${statuses.length} first requests answered ${[...new Set(others)].join(', ')}`,
    )
  }
  if (samples.some((sample) => sample.statuses.length === 0)) wrong.push('there was no other instance to ask')
  const median = quantile(
    samples.map(({ waitedMs }) => waitedMs),
    0.5,
  )
  // Written so that NaN, the median of no values, fails as well.
  if (!(median < limit))
    wrong.push(`the median of the barrier is ${median} ms, which is not under ${limit} ms`)
  return wrong
}
