/** RemoteKeys with an injected clock and an injected source of keys. */
import assert from 'node:assert/strict'
import type { JsonWebKey } from 'node:crypto'
import { it } from 'node:test'
import { systemClock } from '../../../src/lib/clock.ts'
import type { KeySet } from '../../../src/console-auth/clerk/public-keys.ts'
import { RemoteKeys, type RemoteKeysOptions } from '../../../src/console-auth/clerk/remote-keys.ts'

const key = (n: string): JsonWebKey => ({ kty: 'RSA', n, e: 'AQAB' })
const down = new Error('down')
/** Where the clocks start. From 0, a sum and a difference could look the same. */
const START = 50_000
const WALL = 1_700_000_000_000

function setup(given: Partial<RemoteKeysOptions> = {}) {
  const state = {
    /** Milliseconds since the start. */
    now: 0,
    /** Milliseconds that the machine was suspended: only the wall clock goes on. */
    suspended: 0,
    fetches: 0,
    withdrawals: 0,
    failures: [] as unknown[],
    /** What Clerk answers: a set, or an error. */
    answer: new Map([['a', key('1')]]) as KeySet | Error,
  }
  const keys = new RemoteKeys({
    fetch: async () => {
      state.fetches++
      if (state.answer instanceof Error) throw state.answer
      return state.answer
    },
    timeout: 1_000,
    maxAge: 300_000,
    staleIfError: 3_600_000,
    cooldown: 10_000,
    onWithdrawal: () => void state.withdrawals++,
    onFailure: (error) => void state.failures.push(error),
    clock: {
      ...systemClock,
      now: () => START + state.now,
      wall: () => WALL + state.now + state.suspended,
    },
    ...given,
  })
  const find = async (kid: string) => (await keys.find(kid))?.key
  return { keys, state, find }
}

it('fetches the set when it first needs a key, and then reuses it', async () => {
  const { state, find } = setup()
  assert.equal(state.fetches, 0)
  for (let i = 0; i < 3; i++) assert.deepEqual(await find('a'), key('1'))
  assert.equal(state.fetches, 1)
})

it('shares one fetch among concurrent calls', async () => {
  const { state, find } = setup()
  const found = await Promise.all(Array.from({ length: 100 }, () => find('a')))
  assert.equal(found.filter(Boolean).length, 100)
  assert.equal(state.fetches, 1)
})

it('reports a key as unknown only by a set that was fetched after the call', async () => {
  const { state, find } = setup()
  // The first call starts a fetch. The others come during it, when its answer may already be on the way.
  const found = await Promise.all(Array.from({ length: 100 }, (_, i) => find(`x${i}`)))
  assert.equal(found.filter(Boolean).length, 0)
  assert.equal(state.fetches, 2)
})

const tooSoon = (retryAfter: number) => ({ name: 'CoolDownError', retryAfter })

it('fetches twice in a cool-down for unknown keys, and rejects further ones', async () => {
  const { state, find } = setup()
  assert.equal(await find('forged'), undefined)
  state.now = 1_000
  assert.equal(await find('forged'), undefined)
  for (let i = 0; i < 100; i++) await assert.rejects(find(`forged${i}`), tooSoon(9_000))
  assert.equal(state.fetches, 2)
  assert.deepEqual(await find('a'), key('1'), 'known keys are still found')
  state.now = 9_999
  await assert.rejects(find('forged'), tooSoon(1))
  state.now = 10_000
  assert.equal(await find('forged'), undefined)
  await assert.rejects(find('forged'), tooSoon(1_000))
  assert.equal(state.fetches, 3)
})

it('finds a key that was added, even if the set has just been fetched', async () => {
  const { state, find } = setup()
  await find('a')
  state.answer = new Map([
    ['a', key('1')],
    ['b', key('2')],
  ])
  assert.deepEqual(await find('b'), key('2'))
  assert.equal(state.withdrawals, 0)
})

it('fetches for each unknown key if there is no cool-down', async () => {
  const { state, find } = setup({ cooldown: 0 })
  for (let i = 0; i < 5; i++) assert.equal(await find('forged'), undefined)
  assert.equal(state.fetches, 5)
})

it('returns until when a key is good: the age limit or, while Clerk is down, the next attempt', async () => {
  const { keys, state } = setup({ staleIfError: 1_500 })
  const until = async () => ((await keys.find('a'))?.until ?? NaN) - WALL
  assert.equal(await until(), 300_000)
  state.now = 1_000
  assert.equal(await until(), 300_000)
  state.answer = down
  await assert.rejects(keys.find('b'), down)
  assert.equal(await until(), 300_000, 'the set is current')
  state.now = 300_000
  assert.equal(await until(), 301_000)
  state.now = 301_000
  assert.equal(await until(), 301_500)
})

it('is ready while it has a set that it may use, and fetches one otherwise', async () => {
  const { keys, state } = setup()
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  state.answer = down
  assert.equal(keys.isReady(), false)
  await settled()
  assert.deepEqual([keys.isReady(), state.fetches], [false, 1])
  state.now = 1_000
  state.answer = new Map([['a', key('1')]])
  assert.equal(keys.isReady(), false)
  await settled()
  assert.deepEqual([keys.isReady(), state.fetches], [true, 2])
  state.answer = down
  state.now = 301_000
  assert.equal(keys.isReady(), true)
  state.now = 301_000 + 3_600_000
  assert.equal(keys.isReady(), false)
})

it('fetches again when the set is too old, even within a cool-down', async () => {
  const { state, find } = setup({ maxAge: 5_000 })
  await find('a')
  state.now = 4_999
  await find('a')
  assert.equal(state.fetches, 1)
  state.now = 5_000
  await find('a')
  assert.equal(state.fetches, 2)
})

it('drops a key that Clerk has withdrawn, and reports it', async () => {
  const { state, find } = setup()
  await find('a')
  state.answer = new Map([['b', key('2')]])
  state.now = 300_000
  assert.equal(await find('a'), undefined)
  assert.equal(state.withdrawals, 1)
})

for (const [part, other] of Object.entries({
  modulus: key('9'),
  exponent: { ...key('1'), e: 'Aw' },
  algorithm: { ...key('1'), alg: 'RS512' },
})) {
  it(`treats another key under the same id as a withdrawal: another ${part}`, async () => {
    const { state, find } = setup()
    await find('a')
    state.answer = new Map([['a', other]])
    state.now = 300_000
    assert.deepEqual(await find('a'), other)
    assert.equal(state.withdrawals, 1)
  })
}

it('does not treat the same key as a withdrawal', async () => {
  const { state, find } = setup()
  await find('a')
  state.answer = new Map([['a', key('1')]])
  state.now = 300_000
  assert.deepEqual(await find('a'), key('1'))
  assert.deepEqual([state.fetches, state.withdrawals], [2, 0])
})

it('rejects until there has been a set, and asks again after a second, no sooner', async () => {
  const { state, find } = setup()
  state.answer = down
  for (let i = 0; i < 10; i++) await assert.rejects(find('a'), down)
  assert.equal(state.fetches, 1)
  state.now = 999
  await assert.rejects(find('a'), down)
  assert.equal(state.fetches, 1)
  state.answer = new Map([['a', key('1')]])
  state.now = 1_000
  assert.deepEqual(await find('a'), key('1'))
})

it('uses the last good set while Clerk is down, for a limited time', async () => {
  const { state, find } = setup()
  await find('a')
  state.answer = down
  state.now = 300_000
  assert.deepEqual(await find('a'), key('1'))
  state.now = 3_899_999
  assert.deepEqual(await find('a'), key('1'))
  state.now = 3_900_000
  await assert.rejects(find('a'), down)
})

it('does not make requests wait for a Clerk that is known to be down', async () => {
  let release = () => {}
  let hang = false
  const { state, find } = setup({
    fetch: async () => {
      if (hang) await new Promise<void>((resolve) => (release = resolve))
      if (state.answer instanceof Error) throw state.answer
      return state.answer
    },
  })
  await find('a')
  state.answer = down
  state.now = 300_000
  await find('a')
  hang = true
  state.now = 301_000
  const waits = new Promise((resolve) => setImmediate(resolve, 'waits for the attempt that hangs'))
  assert.deepEqual(await Promise.race([find('a'), waits]), key('1'))
  release()
})

it('asks again first if Clerk last failed a while ago: the key may be withdrawn', async () => {
  const { state, find } = setup()
  await find('a')
  state.answer = down
  state.now = 300_000
  assert.deepEqual(await find('a'), key('1'))
  state.answer = new Map([['b', key('2')]])
  // The wait after a failure, and the time limit of the attempt that follows it.
  state.now = 302_000
  assert.equal(await find('a'), undefined)
  assert.equal(state.withdrawals, 1)
})

it('counts the time for which the machine was suspended', async () => {
  const { state, find } = setup()
  await find('a')
  state.suspended = 300_000
  state.answer = down
  assert.deepEqual(await find('a'), key('1'))
  assert.equal(state.fetches, 2)
  state.suspended = 3_900_000
  await assert.rejects(find('a'), down)
})

it('ages the set even if the wall clock is set back', async () => {
  const { state, find } = setup()
  await find('a')
  state.suspended = -10_000_000
  state.now = 300_000
  await find('a')
  assert.equal(state.fetches, 2)
})

it('rejects an unknown key while Clerk is down, instead of reporting it as unknown', async () => {
  const { state, find } = setup()
  await find('a')
  state.answer = down
  state.now = 10_000
  await assert.rejects(find('b'), down)
  assert.deepEqual(await find('a'), key('1'), 'the set is still current')
})

it('reports the first of several failures, and the first after a recovery', async () => {
  const { state, find } = setup()
  for (const [now, answer] of [
    [0, down],
    [1_000, down],
    [2_000, new Map([['a', key('1')]])],
    [302_000, down],
    [303_000, down],
  ] as const) {
    state.now = now
    state.answer = answer
    await find('a').catch(() => {})
  }
  // The last two are in the background, where a good set is at hand.
  assert.deepEqual(state.failures, [down, down])
})

it('gives up on a fetch at its time limit', async () => {
  const { find } = setup({ timeout: 20, fetch: hanging })
  await assert.rejects(find('a'), /no answer within 20 ms/)
})

it('ends a fetch in progress when it is closed', async () => {
  const { keys, find } = setup({ timeout: 60_000, fetch: hanging })
  const found = find('a')
  keys.close()
  await assert.rejects(found, /closing/)
})

it('starts no fetch once it is closed', async () => {
  const { keys, state, find } = setup()
  keys.close()
  await assert.rejects(find('a'), /closing/)
  assert.equal(state.fetches, 0)
})

function hanging(signal: AbortSignal): Promise<KeySet> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
}
