import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bothClocks } from '../../src/lib/clock.ts'
import { isOver, orAborted, withTimeLimit } from '../../src/lib/time-limit.ts'
import { ManualClock, settle } from '../cache/manual-clock.ts'

describe('a time limit', () => {
  it('is over once more has passed on either clock', () => {
    for (const pass of ['freeze', 'jumpWall'] as const) {
      const clock = new ManualClock()
      const since = bothClocks(clock)
      clock[pass](100)
      assert.equal(isOver(clock, since, 100), false, pass)
      clock[pass](1)
      assert.equal(isOver(clock, since, 100), true, pass)
    }
  })

  it('ends work that takes longer, and aborts its signal with the same reason', async () => {
    const clock = new ManualClock()
    const signals: AbortSignal[] = []
    const hung = withTimeLimit(clock, 100.4, (signal) => {
      signals.push(signal)
      return new Promise(() => {})
    })
    const outcome = hung.catch((error: unknown) => error)
    await clock.advance(100)
    assert.equal(signals[0]?.aborted, false)
    await clock.advance(1)
    const error = (await outcome) as Error
    assert.deepEqual([error.name, error.message], ['TimeLimitError', 'no answer within 100 ms'])
    assert.equal(signals[0]?.reason, error)
  })

  it('passes on what work answers or throws, and leaves nothing behind', async () => {
    const clock = new ManualClock()
    const { signal } = new AbortController()
    const removed: unknown[] = []
    signal.removeEventListener = (type: string) => void removed.push(type)
    const signals: AbortSignal[] = []
    const answered = await withTimeLimit(
      clock,
      100,
      async (own) => {
        signals.push(own)
        return 'answer'
      },
      signal,
    )
    assert.equal(answered, 'answer')
    const fail = () => {
      throw new RangeError('of the work')
    }
    await assert.rejects(withTimeLimit(clock, 100, fail, signal), RangeError)
    await settle()
    assert.deepEqual([clock.pendingTimers, removed, signals[0]?.aborted], [0, ['abort', 'abort'], false])
  })

  it('rejects an answer that is read too late, though no timer has fired', async () => {
    for (const [ms, settled] of [
      [100, 'fulfilled'],
      [101, 'rejected'],
    ] as const) {
      const clock = new ManualClock()
      const signals: AbortSignal[] = []
      const late = withTimeLimit(clock, 100, async (signal) => {
        signals.push(signal)
        clock.freeze(ms)
      })
      const [{ status }] = await Promise.allSettled([late])
      assert.deepEqual([status, signals[0]?.aborted], [settled, settled === 'rejected'])
    }
  })

  it('can be ended early by a signal, before work has begun or after', async () => {
    const clock = new ManualClock()
    const closing = new AbortController()
    const signals: AbortSignal[] = []
    const hang = (signal: AbortSignal) => {
      signals.push(signal)
      return new Promise(() => {})
    }
    const hung = withTimeLimit(clock, 100, hang, closing.signal).catch((error: unknown) => error)
    await settle()
    const reason = new Error('closing')
    closing.abort(reason)
    assert.equal(await hung, reason)
    assert.equal(signals[0]?.reason, reason)
    await assert.rejects(withTimeLimit(clock, 100, hang, closing.signal), reason)
    assert.equal(signals.length, 1)
  })
})

describe('work that a signal may abort', () => {
  it('settles as it would, and takes its listener away', async () => {
    const { signal } = new AbortController()
    const removed: unknown[] = []
    signal.removeEventListener = (type: string) => void removed.push(type)
    assert.equal(await orAborted(Promise.resolve('answer'), signal), 'answer')
    await assert.rejects(orAborted(Promise.reject(new RangeError()), signal), RangeError)
    assert.deepEqual(removed, ['abort', 'abort'])
  })

  it('rejects with the reason of the signal, aborted before or meanwhile', async () => {
    const abort = new AbortController()
    const work = orAborted(new Promise(() => {}), abort.signal)
    const reason = new Error('time is over')
    abort.abort(reason)
    await assert.rejects(work, reason)
    await assert.rejects(orAborted(new Promise(() => {}), abort.signal), reason)
  })
})
