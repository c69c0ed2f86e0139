import assert from 'node:assert/strict'
import { it, mock } from 'node:test'
import type { Refusal } from '../../src/http/refusal.ts'
import { INVALID } from '../../src/console-auth/refusals.ts'
import { SessionCache } from '../../src/console-auth/session-cache.ts'
import type { Session } from '../../src/console-auth/session-token.ts'

const session = (notAfter = Date.now() + 60_000) =>
  ({ user: {}, notBefore: 0, notAfter }) as unknown as Session

function setup(max = 10) {
  const waiting: ((outcome: Session | Refusal) => void)[] = []
  const cache = new SessionCache(max, () => new Promise((resolve) => void waiting.push(resolve)))
  return { cache, waiting }
}

it('verifies once for all that wait for the same token', async () => {
  const { cache, waiting } = setup()
  const outcomes = Promise.all([cache.verify('t', 'd'), cache.verify('t', 'd'), cache.verify('t', 'd')])
  assert.equal(waiting.length, 1)
  const good = session()
  waiting[0]?.(good)
  assert.deepEqual(await outcomes, [good, good, good])
  assert.equal(cache.get('d'), good)
})

it('remembers no refusal', async () => {
  const { cache, waiting } = setup()
  for (let i = 0; i < 2; i++) {
    const outcome = cache.verify('t', 'd')
    waiting[i]?.(INVALID.signature)
    assert.equal(await outcome, INVALID.signature)
    assert.equal(cache.get('d'), undefined)
  }
  assert.equal(waiting.length, 2)
})

it('does not remember what was under way when it was cleared', async () => {
  const { cache, waiting } = setup()
  const outcome = cache.verify('t', 'd')
  cache.clear()
  waiting[0]?.(session())
  await outcome
  assert.equal(cache.get('d'), undefined)
  assert.equal(cache.size, 0)
})

it('lets nobody join a verification from before it was cleared', async () => {
  const { cache, waiting } = setup()
  const before = cache.verify('t', 'd')
  cache.clear()
  const after = cache.verify('t', 'd')
  assert.equal(waiting.length, 2)
  waiting[0]?.(session())
  waiting[1]?.(INVALID.unknown_key)
  assert.ok('user' in (await before))
  assert.equal(await after, INVALID.unknown_key)
  assert.equal(cache.get('d'), undefined)
})

it('forgets what it remembers when it is cleared', async () => {
  const { cache, waiting } = setup()
  const outcome = cache.verify('t', 'd')
  waiting[0]?.(session())
  await outcome
  cache.clear()
  assert.equal(cache.get('d'), undefined)
})

it('holds no more than its maximum', async () => {
  const { cache, waiting } = setup(2)
  for (let i = 0; i < 5; i++) {
    const outcome = cache.verify('t', `d${i}`)
    waiting[i]?.(session())
    await outcome
  }
  assert.equal(cache.size, 2)
})

it('has even a long-lived token verified anew after five minutes', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  t.after(() => mock.timers.reset())
  const { cache, waiting } = setup()
  const outcome = cache.verify('t', 'd')
  waiting[0]?.(session(Infinity))
  await outcome
  mock.timers.setTime(1_299_999)
  assert.ok(cache.get('d'))
  mock.timers.setTime(1_300_000)
  assert.equal(cache.get('d'), undefined)
})
