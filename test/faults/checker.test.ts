/** The checker, on histories made right and wrong by hand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { check } from './checker.ts'
import { ALL, type Change, type Exchange, History, type KeyState, type Outage } from './history.ts'

const GOOD: KeyState = { good: true, suspended: false, scoped: true, until: Infinity }
const BAD: KeyState = { ...GOOD, good: false }
const BOUND = 500

function change(after: KeyState, times: Omit<Change, 'key' | 'what' | 'after'>): Change {
  return { key: 'k', what: 'a change', after, ...times }
}

/** A key that is created at 10 and revoked from 100 (called) over 110 (committed) to 130 (returned). */
const CREATED = change(GOOD, { called: 0, committed: 5, returned: 10 })
const REVOKED = change(BAD, { called: 100, committed: 110, returned: 130 })
const LIFE = [CREATED, REVOKED]

function verdict(
  changes: Change[],
  exchange: Partial<Exchange> & Pick<Exchange, 'invoked' | 'completed' | 'status'>,
  outages: Outage[] = [],
): unknown {
  const history = new History()
  history.changes.push(...changes)
  history.exchanges.push({ key: 'k', instance: 'a', scoped: false, ...exchange })
  history.outages.push(...outages)
  const rules = check(history, BOUND).map(({ rule }) => rule)
  assert.ok(rules.length <= 1)
  return rules[0] ?? 'fine'
}

describe('rule 1: nothing is accepted after a revocation returned', () => {
  test('accepted, sent after the return', () => {
    assert.equal(verdict(LIFE, { invoked: 131, completed: 132, status: 200 }), 1)
  })
  test('accepted, sent before the return and answered after', () => {
    assert.equal(verdict(LIFE, { invoked: 129, completed: 400, status: 200 }), 'fine')
  })
  test('refused at any time after the call', () => {
    assert.equal(verdict(LIFE, { invoked: 90, completed: 101, status: 401 }), 'fine')
    assert.equal(verdict(LIFE, { invoked: 1_000, completed: 1_001, status: 401 }), 'fine')
  })
  test('accepted after, although a change nobody knows the end of was tried in between', () => {
    const tried = change(BAD, { called: 140 })
    assert.equal(verdict([...LIFE, tried], { invoked: 150, completed: 151, status: 200 }), 1)
  })
  test('a key that was never created is accepted', () => {
    assert.equal(verdict([], { invoked: 1, completed: 2, status: 200 }), 1)
  })
})

describe('rule 2: a good key is not refused', () => {
  test('refused between the return of create and the call of revoke', () => {
    assert.equal(verdict(LIFE, { invoked: 11, completed: 99, status: 401 }), 2)
    assert.equal(verdict(LIFE, { invoked: 11, completed: 99, status: 403 }), 2)
  })
  test('refused while it is being created', () => {
    assert.equal(verdict(LIFE, { invoked: 9, completed: 50, status: 401 }), 'fine')
  })
  test('refused, but answered after revoke was called', () => {
    assert.equal(verdict(LIFE, { invoked: 50, completed: 100, status: 401 }), 'fine')
  })
  test('503 is no refusal, and neither is no answer', () => {
    assert.equal(verdict(LIFE, { invoked: 50, completed: 51, status: 503 }), 'fine')
    assert.equal(verdict(LIFE, { invoked: 50, completed: 51, status: 0 }), 'fine')
  })
  test('still refused after it was resumed', () => {
    const suspended = change({ ...GOOD, suspended: true }, { called: 20, committed: 21, returned: 22 })
    const resumed = change(GOOD, { called: 30, committed: 31, returned: 32 })
    const changes = [CREATED, suspended, resumed]
    assert.equal(verdict(changes, { invoked: 33, completed: 34, status: 403 }), 2)
    assert.equal(verdict(changes, { invoked: 31, completed: 34, status: 403 }), 'fine')
    assert.equal(verdict(changes, { invoked: 25, completed: 26, status: 403 }), 'fine')
    assert.equal(verdict(changes, { invoked: 25, completed: 26, status: 200 }), 1)
  })
})

describe('rule 3: nothing is accepted later than the lease after the commit', () => {
  const dying = [CREATED, change(BAD, { called: 100, committed: 110 })]
  test('accepted later, although nothing returned', () => {
    assert.equal(verdict(dying, { invoked: 611, completed: 612, status: 200 }), 3)
  })
  test('accepted within', () => {
    assert.equal(verdict(dying, { invoked: 609, completed: 700, status: 200 }), 'fine')
  })
  test('a change of which nothing is known may be seen or not', () => {
    const unknown = [CREATED, change(BAD, { called: 100 })]
    assert.equal(verdict(unknown, { invoked: 5_000, completed: 5_001, status: 200 }), 'fine')
    assert.equal(verdict(unknown, { invoked: 5_000, completed: 5_001, status: 401 }), 'fine')
    assert.equal(verdict(unknown, { invoked: 90, completed: 99, status: 401 }), 2)
  })
})

describe('scopes and expiry', () => {
  const narrowed = [CREATED, change({ ...GOOD, scoped: false }, { called: 20, committed: 21, returned: 22 })]
  test('a scope that was taken away does not count, where a route demands it', () => {
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 200, scoped: true }), 1)
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 403, scoped: true }), 'fine')
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 200 }), 'fine')
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 403 }), 2)
  })
  test('a key is good up to its expiry, and not after', () => {
    const expiring = [CREATED, change({ ...GOOD, until: 300 }, { called: 20, committed: 21, returned: 22 })]
    assert.equal(verdict(expiring, { invoked: 200, completed: 201, status: 200 }), 'fine')
    assert.equal(verdict(expiring, { invoked: 200, completed: 201, status: 401 }), 2)
    assert.equal(verdict(expiring, { invoked: 299, completed: 301, status: 401 }), 'fine')
    assert.equal(verdict(expiring, { invoked: 310, completed: 311, status: 200 }), 1)
  })
})

describe('rule 4: what cannot be known is 503', () => {
  const outage: Outage = { instance: 'a', from: 20, until: 5_000 }
  test('answered from memory after the lease', () => {
    assert.equal(verdict([CREATED], { invoked: 521, completed: 522, status: 200 }, [outage]), 4)
    assert.equal(verdict([], { invoked: 521, completed: 522, status: 401 }, [outage]), 4)
  })
  test('answered within the lease, or when it was over', () => {
    assert.equal(verdict([CREATED], { invoked: 519, completed: 522, status: 200 }, [outage]), 'fine')
    assert.equal(verdict([CREATED], { invoked: 600, completed: 5_001, status: 200 }, [outage]), 'fine')
  })
  test('another instance does not matter', () => {
    const exchange = { instance: 'b', invoked: 600, completed: 601, status: 200 }
    assert.equal(verdict([CREATED], exchange, [outage]), 'fine')
    assert.equal(verdict([CREATED], exchange, [{ ...outage, instance: ALL }]), 4)
  })
})

test('a status that no rule knows is a violation', () => {
  assert.equal(verdict(LIFE, { invoked: 50, completed: 51, status: 500 }), 'unexpected status')
})
