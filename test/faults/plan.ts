/** Plans what happens in a trial and when, from the seed alone. */
import { type FaultName, faultNamed } from './faults.ts'
import type { OperationName } from './operations.ts'
import { Random } from './random.ts'

export interface Plan {
  faults: { name: FaultName; at: number; ms: number; on: number }[]
  operations: { name: OperationName; at: number; on: number }[]
}

/** Milliseconds during which operations begin. */
const SPAN = 1_400

/** How often an operation is chosen, relative to the others. */
const OPERATIONS: [OperationName, number][] = [
  ['revoke', 6],
  ['create', 3],
  ['importRefused', 3],
  ['rotate', 1],
  ['narrowScopes', 1],
  ['widenScopes', 2],
  ['expireSoon', 1],
  ['unexpire', 1],
  ['pause', 3],
  ['bind', 2],
  ['purge', 2],
  ['deleteTenant', 1],
  ['suspend', 1],
  ['resume', 2],
  ['plainRevoke', 1],
  ['plainSuspend', 1],
  ['bulkRevoke', 1],
  ['rollBack', 1],
  ['hardDelete', 1],
]
/** Their outcome depends on the wall clock. */
const TIMED = new Set<OperationName>(['rotate', 'expireSoon', 'unexpire'])

/** A fault that lasts for this many leases must show its effect. */
const LASTING = 1.25

/** Consecutive seeds take the faults of `names` in turn as their first fault. The rest is random. */
export function plan(seed: number, lease: number, names: readonly FaultName[]): Plan {
  const random = new Random(seed)
  const first = names[seed % names.length] as FaultName
  const chosen = [first]
  if (random.chance(0.4)) {
    const second = random.pick(names)
    if (!(faultNamed(first).whole && faultNamed(second).whole)) chosen.push(second)
  }
  const on = random.between(0, 2)
  const faults = chosen.map((name, i) => ({
    name,
    at: random.between(50, 500),
    // Shorter than the lease, or longer.
    ms: Math.round(lease * (random.chance(0.35) ? 0.2 + 0.6 * random.next() : 1.3 + random.next())),
    // Never two faults on one instance: ending one would end the other.
    on: on + i,
  }))

  const weighted = OPERATIONS.filter(([name]) => !(chosen.includes('clockMoved') && TIMED.has(name))).flatMap(
    ([name, weight]) => Array.from({ length: weight }, () => name),
  )
  const operations = Array.from({ length: random.between(8, 14) }, () => ({
    name: random.pick(weighted),
    at: random.between(0, SPAN),
    on: random.between(0, 2),
  }))
  // Two revocations for each fault: one as it begins, and one at any time while it lasts.
  for (const { at, ms, on } of faults) {
    operations.push({ name: 'revoke', at: at + random.between(5, 60), on: on + random.between(0, 2) })
    operations.push({
      name: 'revoke',
      at: at + Math.round(ms * random.next()),
      on: on + random.between(1, 2),
    })
  }
  return { faults, operations: operations.sort((a, b) => a.at - b.at) }
}

/**
 * Returns at least `count` seeds whose plans together have every fault at least once for longer than the lease. They are
 * the same seeds each time: the smallest ones.
 */
export function covering(count: number, lease: number, names: readonly FaultName[]): number[] {
  const left = new Set(names)
  const seeds: number[] = []
  const others: number[] = []
  for (let seed = 1; left.size > 0 || seeds.length + others.length < count; seed++) {
    const lasting = plan(seed, lease, names).faults.filter(({ ms }) => ms > LASTING * lease)
    if (lasting.some(({ name }) => left.has(name))) seeds.push(seed)
    else others.push(seed)
    for (const { name } of lasting) left.delete(name)
  }
  return [...seeds, ...others.slice(0, Math.max(0, count - seeds.length))].sort((a, b) => a - b)
}
