/** A fleet of one instance on a clock that a test moves, with a network that a test can hold. */
import type { FleetReport } from '../../src/coherence/fleet-report.ts'
import type { Verdict } from '../../src/cache/verdict.ts'
import type { NewKey } from '../../src/stores/writable-key-store.ts'
import { CacheByHash } from './cache-by-hash.ts'
import { FakeFleet, type FakeLink } from '../coherence/fake-fleet.ts'
import { ManualClock, settle } from './manual-clock.ts'

export const T = 2_000
export const H = 500
const CACHE = { max: 100, ttl: 600_000, negativeTtl: 5_000, staleIfError: 0 }

export async function build({ staleIfError = 0, offline = false, lease = T } = {}) {
  const clock = new ManualClock()
  const held: { what: string; go: () => void }[] = []
  const network = { hold: (_what: string): boolean => offline }
  const fleet = new FakeFleet({
    lease,
    heartbeat: H,
    clock,
    network: (what) =>
      network.hold(what) ? new Promise((go) => void held.push({ what, go })) : Promise.resolve(),
  })
  await fleet.inner.insertTenant({
    id: 't',
    name: 'T',
    metadata: {},
    createdAt: new Date(),
    suspendedAt: null,
  })
  const store = fleet.connectAs('aa')
  const reports: FleetReport[] = []
  const cache = new CacheByHash({
    store,
    clock,
    cache: { ...CACHE, staleIfError },
    lookupTimeout: 1_000,
    maxConcurrentLookups: 8,
    onReport: (report) => reports.push(report),
  })
  const release = () => {
    network.hold = () => false
    for (const { go } of held.splice(0)) go()
  }
  const link = (): FakeLink => [...fleet.links][0] as FakeLink
  return { clock, fleet, store, cache, reports, network, held, release, link }
}

export async function started(options?: { staleIfError?: number; lease?: number }) {
  const built = await build(options)
  await built.cache.start()
  await built.store.insertKey(newKey('aa'))
  await built.store.insertKey(newKey('bb'))
  await settle()
  await built.cache.find('aa')
  await built.cache.find('bb')
  return built
}

export function newKey(hash: string): NewKey {
  return {
    id: `key_${hash}`,
    tenantId: 't',
    hash,
    name: hash,
    environment: 'live',
    scopes: [],
    metadata: {},
    start: 'tk_live_abcd',
    last4: 'wxyz',
    createdAt: new Date(0),
    createdBy: null,
    expiresAt: null,
  }
}

export function keyId(verdict: Verdict | undefined): string | undefined {
  return typeof verdict === 'object' ? verdict.key.id : verdict
}

export const states = (reports: FleetReport[]) =>
  reports.flatMap((report) => (report.event === 'state' ? [report.state] : []))
