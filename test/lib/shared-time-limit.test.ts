import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onAbort } from '../../src/lib/on-abort.ts'
import { SharedTimeLimit } from '../../src/lib/shared-time-limit.ts'
import { ManualClock, settle } from '../cache/manual-clock.ts'

describe('a shared time limit', () => {
  it('uses one timer for what begins at the same moment, and another for what begins later', async () => {
    const clock = new ManualClock()
    const limit = new SharedTimeLimit(clock, 100)
    const outcomes: unknown[] = []
    const signals: AbortSignal[] = []
    const start = (work: (signal: AbortSignal) => Promise<unknown>) => {
      const running = limit.run((signal) => {
        signals.push(signal)
        return work(signal)
      })
      running.then(
        (answer) => outcomes.push(answer),
        (error: unknown) => outcomes.push((error as Error).name),
      )
    }
    start(() => new Promise(() => {}))
    start(() => Promise.resolve('answered'))
    start(() => Promise.reject(new RangeError()))
    await settle()
    assert.equal(clock.pendingTimers, 1)
    await clock.advance(50)
    start(() => new Promise(() => {}))
    assert.equal(clock.pendingTimers, 2)
    await clock.advance(50)
    assert.deepEqual(outcomes, ['answered', 'RangeError', 'TimeLimitError'])
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, true, true, false],
    )
    await clock.advance(50)
    assert.deepEqual(outcomes.slice(3), ['TimeLimitError'])
    assert.equal(clock.pendingTimers, 0)
  })

  it('keeps no timer once everything is answered, and then works again', async () => {
    const clock = new ManualClock()
    const limit = new SharedTimeLimit(clock, 100)
    assert.equal(await limit.run(async () => 'one'), 'one')
    assert.equal(clock.pendingTimers, 0)
    const late = limit.run(() => new Promise(() => {}))
    const refused = assert.rejects(late, { name: 'TimeLimitError' })
    await clock.advance(100)
    await refused
  })

  it('rejects an answer that is read too late by either clock', async () => {
    for (const pass of ['freeze', 'jumpWall'] as const) {
      const clock = new ManualClock()
      const limit = new SharedTimeLimit(clock, 100)
      const answers = [1, 2].map((answer) => limit.run(async () => answer))
      clock[pass](101)
      for (const { status } of await Promise.allSettled(answers)) assert.equal(status, 'rejected', pass)
      assert.equal(clock.pendingTimers, 0)
    }
  })
})

describe('callbacks on the abort of one signal', () => {
  it('are all called, except for those that were removed', () => {
    const abort = new AbortController()
    const called: string[] = []
    onAbort(abort.signal, () => called.push('one'))
    onAbort(abort.signal, () => called.push('two'))()
    onAbort(abort.signal, () => called.push('three'))
    abort.abort()
    assert.deepEqual(called, ['one', 'three'])
  })
})
