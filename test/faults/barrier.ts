/** How fast a revocation is on a fleet where all is well, and that it holds at once. */
import { Agent } from 'node:http'
import type { Fleet } from './fleet.ts'
import { statusOf } from './load.ts'

export interface BarrierSample {
  /** Milliseconds from the commit to the return. */
  waitedMs: number
  confirmedBy: string
  /** Milliseconds from the answer to the commit until each other instance was told of it. */
  pushLags: number[]
  /** What the other instances answered to the first request after the return. */
  statuses: number[]
}

/** A key that every instance has in memory is revoked on one of them, and asked for on the others at once. */
export async function measureBarrier(fleet: Fleet, count: number): Promise<BarrierSample[]> {
  const agent = new Agent({ keepAlive: true })
  const tenant = `barrier-${process.pid}`
  await fleet.instances[0]?.do('createTenant', tenant)
  const samples: BarrierSample[] = []
  for (let i = 0; samples.length < count; i++) {
    const revoker = fleet.instances[i % fleet.instances.length]
    const created = (await revoker?.do('create', tenant, []))?.value
    if (revoker === undefined || created === undefined) throw new Error('a healthy fleet cannot create a key')
    const ask = (port: number) => statusOf(port, '/open', created.key, agent)
    const warm = await Promise.all(fleet.instances.map(({ port }) => ask(port)))
    const { value, committed, error } = await revoker.do('revoke', created.details.id)
    if (value === undefined || committed === undefined)
      throw new Error(`a healthy fleet cannot revoke a key: ${error}`)
    const others = fleet.instances.filter((instance) => instance !== revoker)
    const statuses = await Promise.all(others.map(({ port }) => ask(port)))
    // Where a busy machine kept an instance from answering, nothing was in memory, and nothing is shown.
    if (warm.some((status) => status !== 200)) continue
    const pushed = await Promise.all(others.map((instance) => instance.do('pushedAt', value.epoch)))
    const pushLags = pushed.flatMap(({ value: at }) => (at === undefined ? [] : [at - committed]))
    samples.push({ waitedMs: value.waitedMs, confirmedBy: value.confirmedBy, pushLags, statuses })
  }
  agent.destroy()
  return samples
}
