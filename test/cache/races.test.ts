/**
 * Interleavings of everything that can happen to a key, on two instances, with each step of each exchange with the store
 * as a move of its own: fast-check chooses the order, and a clock that only moves when told makes it repeatable.
 *
 * Judged by the guarantee itself: no request that starts after `revoke` has returned is let in, none that starts later
 * than commit + T, none is refused that starts after `create` has returned and is answered before `revoke` is called, and
 * when all is quiet nothing cached differs from the store.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { WriteMark } from '../../src/coherence/driver.ts'
import { CLOCK_TOLERANCE } from '../../src/coherence/fleet-times.ts'
import type { StoredKey } from '../../src/stores/key-store.ts'
import { CacheByHash } from './cache-by-hash.ts'
import { FakeFleet } from '../coherence/fake-fleet.ts'
import { ManualClock, settle } from './manual-clock.ts'

const T = 2_000
const H = 500
const KEYS = ['aa', 'bb']
const INSTANCES = ['one', 'two']
/** The same interleavings each time, unless asked for others: `FC_SEED=$RANDOM FC_RUNS=5000`. */
const RUNS = Number(process.env.FC_RUNS ?? 300)
const SEED = Number(process.env.FC_SEED ?? 1)

type Move =
  | { do: 'step'; count: number }
  | { do: 'pass' | 'stop'; ms: number }
  | { do: 'lookup'; instance: number; key: number }
  | { do: 'create' | 'revoke' | 'rename' | 'expire' | 'suspend'; key: number }
  | { do: 'break' | 'cut' | 'heal'; instance: number }
  | { do: 'silence'; silent: boolean }
  | { do: 'settle' | 'lose-history' | 'lose-rows' | 'wall' }

const key = fc.nat(KEYS.length - 1)
const instance = fc.nat(1)
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('step' as const), count: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'settle' as const }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('lookup' as const), instance, key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('revoke' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('rename' as const, 'expire' as const, 'suspend' as const),
      key,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 100, H, T) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('stop' as const), ms: fc.constantFrom(100, H, T, 2 * T) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const), instance }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('silence' as const), silent: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { do: 'lose-history' as const },
      { do: 'lose-rows' as const },
      { do: 'wall' as const },
    ),
  },
)

interface KeyHistory {
  /** Set when the store has it, so that later moves may work on it. */
  exists: boolean
  /** Set when a `create` has returned, and was confirmed. */
  created?: boolean
  /** Set when a `revoke` or an expiry was asked for: from here on it may be refused. */
  narrowed?: boolean
  committed?: number
  returned?: number
}

/** What the plays have come across, so that nothing of it goes missing unnoticed. */
const seen = { plays: 0, reaped: 0, staleHits: 0, acceptedWhenItHadTo: 0 }

async function play(scheduler: fc.Scheduler, staleIfError: number, moves: readonly Move[]): Promise<void> {
  const clock = new ManualClock()
  let quiet = true // While the stage is set and when the play is over, nothing is delayed.
  /** Instances that are cut off: nothing reaches them, nor the store from there, until they are healed. */
  const cuts = new Map<string, { healed: Promise<void>; heal: () => void }>()
  const pass = (label: string) => (quiet ? Promise.resolve() : scheduler.schedule(Promise.resolve(), label))
  const fleet = new FakeFleet({
    lease: T,
    heartbeat: H,
    network: (what, name) => {
      const label = `${name} ${what}`
      return cuts.get(name)?.healed.then(() => pass(label)) ?? pass(label)
    },
    clock,
  })
  await fleet.inner.insertTenant({
    id: 't',
    name: 'T',
    metadata: {},
    createdAt: new Date(),
    suspendedAt: null,
  })
  const stores = INSTANCES.map((name) => fleet.connectAs(name))
  const admin = fleet.connectAs('admin')
  const caches = stores.map(
    (store) =>
      new CacheByHash({
        store,
        clock,
        cache: { max: 10, ttl: 600_000, negativeTtl: 5_000, staleIfError },
        lookupTimeout: 1_000,
        maxConcurrentLookups: 4,
        onReport: (report) => {
          if (report.event === 'gone') seen.reaped++
        },
      }),
  )
  for (const cache of caches) await cache.start()
  const histories: KeyHistory[] = KEYS.map(() => ({ exists: false }))
  // A revocation counts from the moment at which the store has it, whatever becomes of the answer.
  const revokeKey = fleet.inner.revokeKey.bind(fleet.inner)
  fleet.inner.revokeKey = (id, when) => {
    const history = histories[KEYS.findIndex((name) => id === `key_${name}`)]
    if (history) history.committed ??= clock.now()
    return revokeKey(id, when)
  }
  const violations: string[] = []
  const running: Promise<unknown>[] = []
  /** A write or a confirmation may fail, and then claims nothing. */
  const run = (work: Promise<unknown>) => void running.push(work.catch(() => {}))
  let suspended = false

  const lookup = async (at: number, which: number) => {
    const hash = KEYS[which] ?? ''
    const history = histories[which] as KeyHistory
    const { returned, committed, created = false } = history
    const cache = caches[at] as CacheByHash
    const started = clock.now()
    const fromMemory = cache.lookup(hash)
    const verdict = fromMemory ?? (await cache.find(hash).catch(() => 'unavailable' as const))
    if (created && history.narrowed !== true) {
      if (typeof verdict !== 'string') seen.acceptedWhenItHadTo++
      else if (verdict !== 'unavailable') violations.push(`${hash} refused on ${at}: ${verdict}`)
    }
    if (typeof verdict === 'string') return
    const how = fromMemory === undefined ? 'the store' : 'memory'
    if (returned !== undefined)
      violations.push(`${hash} accepted from ${how} on ${at} after revoke had returned`)
    if (committed !== undefined && started >= committed + T + staleIfError + CLOCK_TOLERANCE) {
      violations.push(`${hash} accepted from ${how} on ${at} more than T after the commit`)
    }
  }

  const create = async (which: number, confirm: (mark: WriteMark) => Promise<unknown>) => {
    const hash = KEYS[which] ?? ''
    const written = await admin.insertKey({
      id: `key_${hash}`,
      tenantId: 't',
      hash,
      name: 'first',
      environment: 'live',
      scopes: [],
      metadata: {},
      start: '',
      last4: '',
      createdAt: new Date(0),
      createdBy: null,
      expiresAt: null,
    })
    const history = histories[which] as KeyHistory
    history.exists = true
    if (typeof written === 'string') return
    await confirm(written)
    history.created = true
  }

  const revoke = async (which: number) => {
    const history = histories[which]
    if (history?.exists !== true) return
    history.narrowed = true
    const written = await admin.revokeKey(`key_${KEYS[which]}`, new Date(0))
    await admin.coherence.confirm(written ?? { epoch: 0 })
    history.returned ??= clock.now()
  }

  const change = (what: 'rename' | 'expire' | 'suspend', which: number): Promise<unknown> => {
    const id = `key_${KEYS[which]}`
    if (what === 'rename') return admin.updateKey(id, { name: `at ${clock.now()}` })
    const history = histories[which] as KeyHistory
    if (what === 'expire') history.narrowed = true
    if (what === 'expire') return admin.updateKey(id, { expiresAt: new Date(clock.wall() + 1_000) })
    suspended = !suspended
    return admin.updateTenant('t', { suspendedAt: suspended ? new Date(0) : null })
  }

  const cut = (name: string) => {
    if (cuts.has(name)) return
    let resolve = () => {}
    const healed = new Promise<void>((go) => (resolve = go))
    const heal = () => {
      cuts.delete(name)
      resolve()
    }
    cuts.set(name, { healed, heal })
  }

  const act = async (next: Move): Promise<void> => {
    switch (next.do) {
      case 'step':
        for (let i = 0; i < next.count && scheduler.count() > 0; i++) await scheduler.waitOne()
        break
      case 'settle': // What is under way comes to its end, confirmations with it, unless it is cut off.
        for (let round = 0; round < 4; round++) {
          for (let i = 0; i < 50 && scheduler.count() > 0; i++) await scheduler.waitOne()
          await clock.advance(30)
        }
        break
      case 'pass':
        await clock.advance(next.ms)
        break
      case 'stop':
        clock.freeze(next.ms)
        break
      case 'lookup':
        run(lookup(next.instance, next.key))
        break
      case 'create':
        run(create(next.key, (mark) => admin.coherence.confirm(mark)))
        break
      case 'revoke':
        run(revoke(next.key))
        break
      case 'rename':
      case 'expire':
      case 'suspend':
        run(change(next.do, next.key))
        break
      case 'break':
        ;[...fleet.links][next.instance]?.lose()
        break
      case 'cut':
        cut(INSTANCES[next.instance] ?? '')
        break
      case 'heal':
        cuts.get(INSTANCES[next.instance] ?? '')?.heal()
        break
      case 'silence':
        fleet.pushes = !next.silent
        break
      case 'lose-history':
        fleet.history = `history at ${clock.now()}`
        fleet.log = []
        break
      case 'lose-rows':
        fleet.loseRows()
        break
      case 'wall':
        clock.jumpWall(3_600_000)
        break
    }
    await settle()
  }

  // One key that both instances have in memory, and one that is yet to be made.
  await create(0, settle)
  for (const cache of caches) await cache.find(KEYS[0] ?? '')
  quiet = false
  for (const next of moves) await act(next)

  quiet = true
  for (const { heal } of cuts.values()) heal()
  for (let round = 0; round < 4; round++) {
    while (scheduler.count() > 0) await scheduler.waitOne()
    await clock.advance(2 * T)
  }
  await Promise.all(running)
  for (const cache of caches) {
    for (const hash of KEYS) {
      const cached = cache.lookup(hash)
      if (cached === undefined) continue
      const stored = await fleet.inner.findByHash(hash)
      const shown = typeof cached === 'string' ? cached : `${cached.key.name} ${cached.suspended}`
      assert.equal(shown, expected(stored, clock.wall()), 'a cached verdict differs from the store')
    }
    seen.staleHits += cache.stats().staleHits
    await cache.close()
  }
  seen.plays++
  assert.deepEqual(violations, [])
}

function expected(stored: StoredKey | null, wall: number): string {
  if (stored === null) return 'unknown'
  if (stored.revokedAt) return 'revoked'
  if (stored.expiresAt && stored.expiresAt.getTime() <= wall) return 'expired'
  return `${stored.name} ${stored.tenant.suspended}`
}

describe('interleavings of look-up, create, revoke, update, expire and every fault', () => {
  it('never serve a revoked key or leave a stale record in a cache', async () => {
    const moves = fc.array(move, { maxLength: 40, size: 'max' })
    await fc.assert(fc.asyncProperty(fc.scheduler(), fc.constantFrom(0, 1_500), moves, play), {
      numRuns: RUNS,
      seed: SEED,
      interruptAfterTimeLimit: 300_000,
      markInterruptAsFailure: true,
    })
    assert.ok(seen.plays >= RUNS, `${seen.plays} of ${RUNS} played`)
    const { reaped, staleHits, acceptedWhenItHadTo } = seen
    assert.ok(
      (process.env.FC_RUNS ?? process.env.FC_SEED) !== undefined ||
        (reaped > 0 && staleHits > 0 && acceptedWhenItHadTo > 0),
      `the moves do not bring about what they are for: ${JSON.stringify(seen)}`,
    )
  })
})
