import assert from 'node:assert/strict'
import { it, mock, type TestContext } from 'node:test'
import { INVALID, unavailable } from '../../src/console-auth/refusals.ts'
import { SessionCache } from '../../src/console-auth/session-cache.ts'
import type { Session } from '../../src/console-auth/session-token.ts'
import type { Refusal } from '../../src/http/refusal.ts'

const NOW = 1_000_000

const session = (until = NOW + 60_000, from = 0) => ({ user: {}, from, until }) as unknown as Session

function setup(t: TestContext, max = 10) {
  mock.timers.enable({ apis: ['Date'], now: NOW })
  t.after(() => mock.timers.reset())
  const waiting: ((outcome: Session | Refusal) => void)[] = []
  const cache = new SessionCache(max, () => new Promise((resolve) => void waiting.push(resolve)))
  const remember = async (digest: string, outcome: Session | Refusal) => {
    const verified = cache.verify('t', digest)
    waiting.pop()?.(outcome)
    assert.equal(await verified, outcome)
  }
  return { cache, waiting, remember }
}

it('verifies a token once for all concurrent calls', async (t) => {
  const { cache, waiting } = setup(t)
  const outcomes = Promise.all([cache.verify('t', 'd'), cache.verify('t', 'd'), cache.verify('t', 'd')])
  assert.equal(waiting.length, 1)
  const good = session()
  waiting[0]?.(good)
  assert.deepEqual(await outcomes, [good, good, good])
  assert.equal(cache.get('d'), good)
})

it('returns a good token only while it is valid', async (t) => {
  const { cache, remember } = setup(t)
  const good = session(NOW + 100, NOW - 100)
  await remember('d', good)
  for (const [at, expected] of [
    [NOW + 99, good],
    [NOW + 100, undefined],
    [NOW - 100, good],
    [NOW - 101, undefined],
  ] as const) {
    mock.timers.setTime(at)
    assert.equal(cache.get('d'), expected, String(at - NOW))
  }
})

it('does not remember a token that has expired by the time it is verified', async (t) => {
  const { cache, remember } = setup(t)
  await remember('d', session(NOW))
  assert.equal(cache.size, 0)
})

it('remembers a bad token for a minute, and no longer', async (t) => {
  const { cache, remember } = setup(t)
  await remember('d', INVALID.signature)
  assert.equal(cache.get('d'), INVALID.signature)
  assert.equal(cache.size, 0)
  mock.timers.setTime(NOW + 59_999)
  assert.equal(cache.get('d'), INVALID.signature)
  mock.timers.setTime(NOW + 60_000)
  assert.equal(cache.get('d'), undefined)
})

it('does not remember a refusal that ends with time or when Clerk answers again', async (t) => {
  const { cache, remember } = setup(t)
  for (const refusal of [INVALID.not_yet_valid, unavailable(new Error('down'))]) {
    await remember('d', refusal)
    assert.equal(cache.get('d'), undefined, refusal.reason)
  }
})

it('remembers a refusal for a second if a new key may end it', async (t) => {
  const { cache, remember } = setup(t)
  for (const refusal of [INVALID.unknown_key, unavailable(undefined, { rule: 'cooldown' })]) {
    mock.timers.setTime(NOW)
    await remember('d', refusal)
    assert.equal(cache.get('d'), refusal)
    mock.timers.setTime(NOW + 1_000)
    assert.equal(cache.get('d'), undefined, refusal.reason)
  }
})

it('forgets a good token that has turned bad', async (t) => {
  const { cache, remember } = setup(t)
  await remember('d', session(NOW + 100))
  mock.timers.setTime(NOW + 100)
  await remember('d', INVALID.expired)
  mock.timers.setTime(NOW + 99)
  assert.equal(cache.get('d'), INVALID.expired)
  assert.equal(cache.size, 0)
})

it('holds a thousand bad tokens, which do not evict good ones', async (t) => {
  const { cache, remember } = setup(t, 2)
  await remember('good', session())
  for (let i = 0; i < 1_001; i++) await remember(`bad${i}`, INVALID.signature)
  assert.ok(cache.get('good'))
  assert.equal(cache.get('bad0'), undefined)
  assert.equal(cache.get('bad1'), INVALID.signature)
})

it('holds no more good tokens than its maximum', async (t) => {
  const { cache, remember } = setup(t, 2)
  for (let i = 0; i < 5; i++) await remember(`d${i}`, session())
  assert.equal(cache.size, 2)
})

it('remembers nothing with a maximum of 0', async (t) => {
  const { cache, remember } = setup(t, 0)
  await remember('good', session())
  await remember('bad', INVALID.signature)
  assert.deepEqual([cache.get('good'), cache.get('bad'), cache.size], [undefined, undefined, 0])
})

it('verifies a thousand tokens at once, and answers that it is unavailable to more', async (t) => {
  const { cache, waiting } = setup(t)
  const verified = Array.from({ length: 1_000 }, (_, i) => cache.verify('t', `d${i}`))
  const { code, reason, headers } = (await cache.verify('t', 'one more')) as Refusal
  assert.deepEqual([code, reason, headers], ['AUTH_UNAVAILABLE', 'unavailable', { 'retry-after': '1' }])
  assert.equal(waiting.length, 1_000)
  const joined = cache.verify('t', 'd7')
  for (const resolve of waiting) resolve(INVALID.signature)
  await Promise.all([...verified, joined])
  void cache.verify('t', 'one more')
  assert.equal(waiting.length, 1_001)
})

for (const outcome of [session(), INVALID.signature]) {
  it(`forgets ${'user' in outcome ? 'good' : 'bad'} tokens when cleared, even in verification`, async (t) => {
    const { cache, waiting, remember } = setup(t)
    await remember('d', outcome)
    cache.clear()
    assert.equal(cache.get('d'), undefined)
    const before = cache.verify('t', 'd')
    cache.clear()
    // This call does not join the verification from before.
    const after = cache.verify('t', 'd')
    assert.equal(waiting.length, 2)
    waiting[0]?.(outcome)
    await before
    assert.equal(cache.get('d'), undefined)
    waiting[1]?.(INVALID.unknown_key)
    assert.equal(await after, INVALID.unknown_key)
    assert.equal(cache.get('d'), INVALID.unknown_key)
  })
}
