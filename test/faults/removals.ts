/**
 * The rules that make the cache safe, and how to remove each from the code. `npm run test:invariants` removes them one at
 * a time: if no test fails, the rule has no test. The numbers are those of docs/coherence.md.
 */
export interface Removal {
  rule: string
  what: string
  file: string
  /** Must occur in the file exactly once. */
  find: string
  replace: string
  /** The test files that guard it: at least one of them must fail. */
  tests: readonly string[]
}

// The race logic, on an injected clock and without a server.
const ON_CACHE = ['test/cache/key-cache.test.ts']
const ON_RACES = ['test/cache/races.test.ts']
const ON_GATE = ['test/cache/gate.test.ts']
/** Look-ups that share a statement, on a store whose answers the test controls. */
const ON_BATCHES = ['test/stores/lookup-batches.test.ts']
const ON_PLUGIN = ['test/tenant-auth/answers.test.ts']
const ON_MEMBER = ['test/coherence/fleet-member.test.ts']
const ON_BARRIER = ['test/coherence/fleet-barrier.test.ts']
/** A separate server that becomes a standby. Nothing in it depends on how fast the machine is. */
const ON_STANDBY = ['test/stores/postgres/standby.test.ts']
/** Real servers, and connections that other code has left in a bad state. */
const ON_BORROWED = ['test/stores/postgres/borrowed-connections.test.ts']

const CACHE = 'src/cache/key-cache.ts'
const ENTRIES = 'src/cache/entries.ts'
const BATCHES = 'src/stores/lookup-batches.ts'
const MEMBER = 'src/coherence/fleet-member.ts'

export const REMOVALS: Removal[] = [
  {
    rule: '1',
    what: 'a hit does not check the lease',
    file: CACHE,
    find: 'if (!this.#lease.holds(now, wall)) return undefined // (1)',
    replace: '',
    tests: ON_CACHE,
  },
  {
    rule: '1',
    what: 'a jump of the wall clock does not void the lease',
    file: 'src/coherence/lease.ts',
    find: 'if (isJump(wall - now - this.#offset)) this.#lookAgain()',
    replace: '',
    tests: ON_MEMBER,
  },
  {
    rule: '2',
    what: 'an invalidation keeps the entry',
    file: ENTRIES,
    find: '  drop(digest: string): void {\n    this.#good.delete(digest)',
    replace: '  drop(digest: string): void {',
    tests: ON_CACHE,
  },
  {
    rule: '2',
    what: 'a remembered entry is still used after it was dropped',
    file: ENTRIES,
    find: '        entry.until = OVER // (2)\n',
    replace: '',
    tests: ON_CACHE,
  },
  {
    rule: '2',
    what: 'a remembered refusal is still used after it was dropped',
    file: ENTRIES,
    find: '        refused.until = OVER // (2)\n',
    replace: '',
    tests: ON_CACHE,
  },
  {
    rule: '2',
    what: 'an invalidation ignores look-ups in flight',
    file: CACHE,
    find: '      this.#entries?.drop(digest)\n      this.#pending.delete(digest)',
    replace: '      this.#entries?.drop(digest)',
    tests: [...ON_CACHE, ...ON_RACES],
  },
  {
    rule: '2',
    what: 'an invalidation keeps the refusal of a key that exists by now',
    file: ENTRIES,
    find: '  drop(digest: string): void {\n    this.#good.delete(digest)\n    this.#refused.delete(digest)',
    replace: '  drop(digest: string): void {\n    this.#good.delete(digest)',
    tests: [...ON_CACHE, ...ON_RACES],
  },
  {
    rule: '2',
    what: 'a key that is read after its tenant changed gets the tenant as it was',
    file: 'src/cache/alike.ts',
    find: 'before?.name === tenant.name && before.metadata === tenant.metadata',
    replace: 'before !== undefined',
    tests: ['test/cache/alike.test.ts'],
  },
  {
    rule: '3',
    what: 'a look-up is cached even if the lease lapsed during it',
    file: CACHE,
    find: 'if (!this.#lease.holds(now, this.#clock.wall()) || this.#lease.term !== term) return',
    replace: '',
    tests: ON_MEMBER,
  },
  {
    rule: '3',
    what: 'a look-up joins another one without a lease',
    file: CACHE,
    find: 'this.#entries !== undefined && this.#lease.holds(asked.now, asked.wall)',
    replace: 'this.#entries !== undefined',
    tests: ON_MEMBER,
  },
  {
    rule: '3',
    what: 'a look-up joins a statement that was sent before it',
    file: BATCHES,
    find: 'for (const lookup of asking) lookup.settle(found)',
    replace:
      'for (const lookup of asking.concat(this.#waiting.filter(({ hash }) => hashes.includes(hash)))) lookup.settle(found)',
    tests: ON_BATCHES,
  },
  {
    rule: '4',
    what: 'a standby may fill the cache',
    file: 'src/stores/postgres/session-fault.ts',
    find: '  if (standby)\n',
    replace: '  if (standby && wrote)\n',
    tests: ON_STANDBY,
  },
  {
    rule: '4',
    what: 'an answer from a transaction that was left open is used',
    file: 'src/stores/postgres/session-fault.ts',
    find: '  if (words !== undefined) throw new SpoiltError(words)\n}',
    replace: '}',
    tests: ON_BORROWED,
  },
  {
    rule: '4',
    what: 'an answer is used even if it is read after its time limit',
    file: 'src/lib/shared-time-limit.ts',
    find: 'if (isOver(this.#clock, this.#since, this.#ms)) this.#giveUp()\n',
    replace: '\n',
    tests: ON_CACHE,
  },
  {
    rule: '5',
    what: 'a change is acknowledged before its keys are dropped',
    file: MEMBER,
    find: 'this.#options.onChanged(changed) // (2)',
    replace: 'this.#clock.setTimer(() => this.#options.onChanged(changed), this.#options.times.heartbeat)',
    tests: ON_MEMBER,
  },
  {
    rule: '6',
    what: 'using an entry extends its life',
    file: CACHE,
    find: 'if (now >= held.until) return undefined // (2) (6)',
    replace: 'held.until = now + 600_000',
    tests: ON_CACHE,
  },
  {
    rule: '6',
    what: 'a hit does not check the expiry of the key',
    file: CACHE,
    find: "if (isExpired(entry, wall)) return 'expired'",
    replace: '',
    tests: ON_CACHE,
  },
  {
    rule: '7',
    what: 'refused keys evict good ones',
    file: ENTRIES,
    find: '      this.#refused.set(digest,',
    replace:
      '      if (this.#good.size + this.#refused.size >= this.#good.max) this.#good.pop()\n      this.#refused.set(digest,',
    tests: ON_CACHE,
  },
  {
    rule: '7',
    what: 'a key that a connection keeps sending is evicted',
    file: CACHE,
    find: '      if (remembered) return undefined // (7)\n',
    replace: '',
    tests: ON_CACHE,
  },
  {
    rule: '7',
    what: 'look-ups at once are not capped',
    file: 'src/cache/gate.ts',
    find: 'return this.#inside < this.#limit &&',
    replace: 'return this.#inside < Infinity &&',
    tests: ON_GATE,
  },
  {
    rule: '7',
    what: 'every request makes its own read',
    file: CACHE,
    find: 'joinable ? this.#pending.get(digest) : undefined',
    replace: 'joinable && digest === undefined ? this.#pending.get(digest) : undefined',
    tests: ON_PLUGIN,
  },
  {
    rule: '7',
    what: 'a statement that hangs holds up all later look-ups',
    file: BATCHES,
    find: 'this.#clock.setTimer(release, MOMENT)',
    replace: 'this.#clock.setTimer(() => {}, MOMENT)',
    tests: ON_BATCHES,
  },
  {
    rule: '7',
    what: 'a key that cannot be read fails the look-ups that share its statement',
    file: BATCHES,
    find: 'hashes.length > 1 && this.#options.isOfOne(error)',
    replace: 'hashes.length < 1 && this.#options.isOfOne(error)',
    tests: ON_BATCHES,
  },
  {
    rule: '8',
    what: 'entries are served for any length of time while the store does not answer',
    file: CACHE,
    find: 'allowed === 0 || now >= Math.min(entry.until, this.#lease.end) + allowed',
    replace: 'allowed === 0',
    tests: ON_CACHE,
  },
  {
    rule: '8',
    what: 'the fleet is not told that an instance serves beyond the lease',
    file: MEMBER,
    find: 'const holds = this.#options.times.lease + this.#options.staleIfError()',
    replace: 'const holds = this.#options.times.lease',
    tests: ON_MEMBER,
  },
  {
    rule: 'connection',
    what: 'any credential gets the answer to the last one on its connection',
    file: 'src/http/last-credential.ts',
    find: 'isSame(this.#text, text)',
    replace: 'text',
    tests: ['test/http/last-credential.test.ts'],
  },
  {
    rule: 'barrier',
    what: 'a confirmation does not wait for the instances',
    file: 'src/coherence/fleet-barrier.ts',
    find: "if (pending.length === 0 && (view.settled || !unsettled)) confirmedBy = 'all'",
    replace: "confirmedBy = 'all'",
    tests: ON_BARRIER,
  },
  {
    rule: 'barrier',
    what: 'a confirmation trusts the rows to be complete, even if some may have been lost',
    file: 'src/coherence/fleet-barrier.ts',
    find: 'pending.length === 0 && (view.settled || !unsettled)',
    replace: 'pending.length === 0',
    tests: ON_BARRIER,
  },
  {
    rule: 'barrier',
    what: 'a confirmation counts epochs of another history than the write',
    file: 'src/coherence/fleet-barrier.ts',
    find: 'if (view.position.history !== history || view.position.epoch < epoch) throw lost()',
    replace: '',
    tests: ON_BARRIER,
  },
]

/** @throws unless the file has the code to remove exactly once */
export function without(source: string, { file, find, replace }: Removal): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`${file} has not exactly one: ${find}`)
  return parts.join(replace)
}
