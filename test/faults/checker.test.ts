/** The checker, on right and wrong histories that are written by hand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { boundOf } from './bound.ts'
import { check, HELD_UP, PATIENCE, RECOVERY } from './checker.ts'
import {
  ALL,
  type Change,
  type Exchange,
  History,
  type Incident,
  type KeyState,
  type Outage,
} from './history.ts'

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

describe('rule 1: nothing is accepted after a revocation has returned', () => {
  test('flags the acceptance of a request sent after the return', () => {
    assert.equal(verdict(LIFE, { invoked: 131, completed: 132, status: 200 }), 1)
  })
  test('allows the acceptance, even later, of a request sent before the return', () => {
    assert.equal(verdict(LIFE, { invoked: 129, completed: 400, status: 200 }), 'fine')
  })
  test('allows a refusal at any time after the call', () => {
    assert.equal(verdict(LIFE, { invoked: 90, completed: 101, status: 401 }), 'fine')
    assert.equal(verdict(LIFE, { invoked: 1_000, completed: 1_001, status: 401 }), 'fine')
  })
  test('flags an acceptance even after another change whose outcome is unknown', () => {
    const tried = change(BAD, { called: 140 })
    assert.equal(verdict([...LIFE, tried], { invoked: 150, completed: 151, status: 200 }), 1)
  })
  test('flags the acceptance of a key that was never created', () => {
    assert.equal(verdict([], { invoked: 1, completed: 2, status: 200 }), 1)
  })
})

describe('rule 2: a good key is not refused', () => {
  test('flags a refusal between the return of create and the call of revoke', () => {
    assert.equal(verdict(LIFE, { invoked: 11, completed: 99, status: 401 }), 2)
    assert.equal(verdict(LIFE, { invoked: 11, completed: 99, status: 403 }), 2)
  })
  test('allows a refusal while the key is being created', () => {
    assert.equal(verdict(LIFE, { invoked: 9, completed: 50, status: 401 }), 'fine')
  })
  test('allows a refusal that is answered after revoke was called', () => {
    assert.equal(verdict(LIFE, { invoked: 50, completed: 100, status: 401 }), 'fine')
  })
  test('does not count 503 or no answer as a refusal', () => {
    assert.equal(verdict(LIFE, { invoked: 50, completed: 51, status: 503 }), 'fine')
    assert.equal(verdict(LIFE, { invoked: 50, completed: 51, status: 0 }), 'fine')
  })
  test('flags a refusal after the tenant was resumed', () => {
    const suspended = change({ ...GOOD, suspended: true }, { called: 20, committed: 21, returned: 22 })
    const resumed = change(GOOD, { called: 30, committed: 31, returned: 32 })
    const changes = [CREATED, suspended, resumed]
    assert.equal(verdict(changes, { invoked: 33, completed: 34, status: 403 }), 2)
    assert.equal(verdict(changes, { invoked: 31, completed: 34, status: 403 }), 'fine')
    assert.equal(verdict(changes, { invoked: 25, completed: 26, status: 403 }), 'fine')
    assert.equal(verdict(changes, { invoked: 25, completed: 26, status: 200 }), 1)
  })
})

describe('rule 3: nothing is accepted longer than a lease after the commit', () => {
  const dying = [CREATED, change(BAD, { called: 100, committed: 110 })]
  test('flags a later acceptance, even if nothing returned', () => {
    assert.equal(verdict(dying, { invoked: 611, completed: 612, status: 200 }), 3)
  })
  test('goes by the time at which the instance says it answered', () => {
    assert.equal(verdict(dying, { invoked: 99, answered: 611, completed: 612, status: 200 }), 3)
    assert.equal(verdict(dying, { invoked: 99, answered: 609, completed: 900, status: 200 }), 'fine')
  })
  test('allows an acceptance within the lease', () => {
    assert.equal(verdict(dying, { invoked: 609, completed: 700, status: 200 }), 'fine')
  })
  test('allows both answers after a change whose outcome is unknown', () => {
    const unknown = [CREATED, change(BAD, { called: 100 })]
    assert.equal(verdict(unknown, { invoked: 5_000, completed: 5_001, status: 200 }), 'fine')
    assert.equal(verdict(unknown, { invoked: 5_000, completed: 5_001, status: 401 }), 'fine')
    assert.equal(verdict(unknown, { invoked: 90, completed: 99, status: 401 }), 2)
  })
})

describe('pauses, networks and deleted tenants', () => {
  const after = (state: Partial<KeyState>) =>
    change({ ...GOOD, ...state }, { called: 20, committed: 21, returned: 22 })
  const lifted = change(GOOD, { called: 30, committed: 31, returned: 32 })
  const answered = (changes: Change[], invoked: number) =>
    [200, 401, 403].map((status) => verdict(changes, { invoked, completed: invoked + 1, status }))

  test('require 401 for a paused key until it is resumed', () => {
    const changes = [CREATED, after({ paused: true }), lifted]
    assert.deepEqual(answered(changes, 25), [1, 'fine', 2])
    assert.deepEqual(answered(changes, 33), ['fine', 2, 2])
  })
  test('require 403 for a key bound to other networks until it is unbound', () => {
    const changes = [CREATED, after({ away: true }), lifted]
    assert.deepEqual(answered(changes, 25), [1, 2, 'fine'])
    assert.deepEqual(answered(changes, 33), ['fine', 2, 2])
  })
  test('allow any answer while a tenant is being deleted, and require 401 after', () => {
    const times = { called: 20, committed: 30, returned: 40 }
    const suspended = change({ ...GOOD, suspended: true }, { called: 20 })
    const changes = [CREATED, suspended, change(BAD, times)]
    assert.deepEqual(answered(changes, 25), ['fine', 'fine', 'fine'])
    assert.deepEqual(answered(changes, 41), [1, 'fine', 2])
    assert.deepEqual(verdict(changes, { invoked: 531, completed: 532, status: 200 }), 1)
  })
  test('allow no acceptance longer than a lease after the commit, even if nothing returned', () => {
    for (const state of [{ paused: true }, { away: true }]) {
      const committed = change({ ...GOOD, ...state }, { called: 20, committed: 21 })
      assert.equal(verdict([CREATED, committed], { invoked: 522, completed: 523, status: 200 }), 3)
    }
  })
})

describe('scopes and expiry', () => {
  const narrowed = [CREATED, change({ ...GOOD, scoped: false }, { called: 20, committed: 21, returned: 22 })]
  test('allow no acceptance without the scope that a route requires', () => {
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 200, scoped: true }), 1)
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 403, scoped: true }), 'fine')
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 200 }), 'fine')
    assert.equal(verdict(narrowed, { invoked: 30, completed: 31, status: 403 }), 2)
  })
  test('require acceptance up to the expiry of a key, and refusal after it', () => {
    const expiring = [CREATED, change({ ...GOOD, until: 300 }, { called: 20, committed: 21, returned: 22 })]
    assert.equal(verdict(expiring, { invoked: 200, completed: 201, status: 200 }), 'fine')
    assert.equal(verdict(expiring, { invoked: 200, completed: 201, status: 401 }), 2)
    assert.equal(verdict(expiring, { invoked: 299, completed: 301, status: 401 }), 'fine')
    assert.equal(verdict(expiring, { invoked: 310, completed: 311, status: 200 }), 1)
  })
})

describe('rule 4: an instance that cannot know answers 503', () => {
  const outage: Outage = { instance: 'a', from: 20, until: 5_000 }
  test('flags an answer from memory after the lease', () => {
    assert.equal(verdict([CREATED], { invoked: 521, completed: 522, status: 200 }, [outage]), 4)
    assert.equal(verdict([], { invoked: 521, completed: 522, status: 401 }, [outage]), 4)
  })
  test('allows an answer within the lease, or after the outage', () => {
    assert.equal(verdict([CREATED], { invoked: 519, completed: 522, status: 200 }, [outage]), 'fine')
    assert.equal(verdict([CREATED], { invoked: 600, completed: 5_001, status: 200 }, [outage]), 'fine')
  })
  test('does not concern other instances, unless all are affected', () => {
    const exchange = { instance: 'b', invoked: 600, completed: 601, status: 200 }
    assert.equal(verdict([CREATED], exchange, [outage]), 'fine')
    assert.equal(verdict([CREATED], exchange, [{ ...outage, instance: ALL }]), 4)
  })
})

describe('rule 5: a healthy instance does not answer 503 for long', () => {
  /** A request every 10 ms, to instance `a`, of which those from `first` to `last` are answered 503. */
  const silent = (first: number, last: number, incidents: Incident[] = [], length = 20_000) => {
    const history = new History()
    history.changes.push(CREATED)
    history.incidents.push(...incidents)
    for (let at = 20; at < length; at += 10) {
      const status = at >= first && at <= last ? 503 : 200
      const times = { invoked: at, completed: at + 1, status }
      history.exchanges.push({ key: 'k', instance: 'a', scoped: false, ...times })
      history.exchanges.push({ key: 'k', instance: 'b', scoped: false, ...times, status: 200 })
    }
    return check(history, BOUND).map(({ rule, exchange }) => `${rule} ${exchange.instance}`)
  }
  const limit = BOUND + PATIENCE
  test('flags 503 throughout a trial in which nothing happens', () => {
    assert.deepEqual(silent(0, Infinity), ['5 a'])
    assert.deepEqual(silent(0, Infinity, [{ what: 'none', from: 20, until: 30 }]), ['5 a'])
    assert.deepEqual(silent(0, Infinity, [], limit + 50), ['5 a'])
  })
  test('allows 503 for the lease and a little longer', () => {
    assert.deepEqual(silent(100, 100 + limit), [])
    assert.deepEqual(silent(100, 110 + limit), ['5 a'])
  })
  test('allows 503 during a fault, and for a while after it', () => {
    const fault = { what: 'a fault', from: 100, until: 9_000 }
    for (const instance of ['a', ALL]) {
      assert.deepEqual(silent(110, 9_000 + RECOVERY, [{ ...fault, instance }]), [])
      assert.deepEqual(silent(110, 9_100 + RECOVERY + limit, [{ ...fault, instance }]), ['5 a'])
    }
  })
  test('flags 503 during a fault of another instance', () => {
    assert.deepEqual(silent(110, 9_000, [{ what: 'a fault', instance: 'b', from: 100, until: 9_000 }]), [
      '5 a',
    ])
  })
  test('ignores a 503 that a busy machine held up', () => {
    const history = new History()
    for (let at = 20; at < 9_000; at += 10) {
      const times = { invoked: at - HELD_UP * BOUND - 1, completed: at }
      history.exchanges.push({ key: 'k', instance: 'a', scoped: false, ...times, status: 503 })
    }
    assert.deepEqual(check(history, BOUND), [])
    for (const exchange of history.exchanges) exchange.invoked += 2
    assert.equal(check(history, BOUND).length, 1)
  })
  test('ignores requests without an answer', () => {
    const history = new History()
    for (let at = 20; at < 9_000; at += 10) {
      history.exchanges.push({
        key: 'k',
        instance: 'a',
        scoped: false,
        invoked: at,
        completed: at,
        status: 0,
      })
    }
    assert.deepEqual(check(history, BOUND), [])
  })
})

test('the bound is the lease, without a percentage or a clock tolerance on top', () => {
  const history = new History()
  history.changes.push(CREATED, change(BAD, { called: 100, committed: 110 }))
  const accepted = (invoked: number) => ({
    key: 'k',
    instance: 'a',
    scoped: false,
    invoked,
    completed: invoked + 1,
  })
  history.exchanges.push({ ...accepted(1_112), status: 200 }, { ...accepted(1_115), status: 200 })
  assert.deepEqual(
    check(history, boundOf(1_000)).map(({ rule, exchange }) => [rule, exchange.invoked]),
    [[3, 1_115]],
  )
})

test('a status that no rule covers is a violation', () => {
  assert.equal(verdict(LIFE, { invoked: 50, completed: 51, status: 500 }), 'unexpected status')
})
