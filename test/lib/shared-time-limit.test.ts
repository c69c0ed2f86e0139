import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SharedTimeLimit } from '../../src/lib/shared-time-limit.ts'
import { ManualClock, settle } from '../cache/manual-clock.ts'

/** Work that records when it is given up. */
function work(outcomes: unknown[] = []) {
  return { outcomes, isOver: false, giveUp: (reason: Error) => void outcomes.push(reason.name) }
}

describe('a shared time limit', () => {
  it('uses one timer for what begins at the same moment, and another for what begins later', async () => {
    const clock = new ManualClock()
    const limit = new SharedTimeLimit(clock, 100)
    const begin = () => {
      const begun = work()
      const deadline = limit.begin()
      deadline.add(begun)
      return { ...begun, deadline, end: () => deadline.end(begun), leave: () => deadline.leave(begun) }
    }
    const [silent, answered, failed] = [begin(), begin(), begin()]
    assert.deepEqual([answered.end(), failed.leave()], [true, true])
    assert.deepEqual([answered.end(), failed.leave()], [false, false], 'work ends once')
    assert.equal(clock.pendingTimers, 1)
    await clock.advance(50)
    const later = begin()
    assert.equal(clock.pendingTimers, 2)
    assert.deepEqual([silent.deadline.at, later.deadline.at], [clock.now() + 50, clock.now() + 100])
    await clock.advance(50)
    assert.deepEqual(
      [silent, answered, failed, later].map(({ outcomes }) => outcomes),
      [['TimeLimitError'], [], [], []],
    )
    assert.equal(silent.end(), false)
    assert.deepEqual([silent.deadline.signal.aborted, later.deadline.signal.aborted], [true, false])
    await clock.advance(50)
    assert.deepEqual([later.outcomes, later.leave()], [['TimeLimitError'], false])
    assert.equal(clock.pendingTimers, 0)
  })

  it('gives work a deadline of its own if it begins a millisecond or more after the first', () => {
    const clock = new ManualClock()
    const limit = new SharedTimeLimit(clock, 100)
    const first = limit.begin()
    first.add(work())
    clock.freeze(0.75)
    assert.equal(limit.begin(), first)
    clock.freeze(0.25)
    assert.notEqual(limit.begin(), first)
  })

  it('keeps no timer once everything has ended, and then works again', async () => {
    const clock = new ManualClock()
    const limit = new SharedTimeLimit(clock, 100)
    const first = work()
    const deadline = limit.begin()
    deadline.add(first)
    assert.equal(deadline.end(first), true)
    assert.equal(clock.pendingTimers, 0)
    const late = work()
    const next = limit.begin()
    assert.notEqual(next, deadline, 'a deadline that is closed is not used again')
    next.add(late)
    await clock.advance(100)
    assert.deepEqual([first.outcomes, late.outcomes], [[], ['TimeLimitError']])
  })

  it('has a signal to which many look-ups may listen without a warning', async () => {
    const warnings: string[] = []
    const onWarning = ({ name }: Error) => void warnings.push(name)
    process.on('warning', onWarning)
    const { signal } = new SharedTimeLimit(new ManualClock(), 100).begin()
    for (let i = 0; i < 100; i++) signal.addEventListener('abort', () => {})
    await settle()
    process.off('warning', onWarning)
    assert.deepEqual(warnings, [])
  })

  it('gives all work up that is read too late by either clock, before it aborts the signal', () => {
    for (const pass of ['freeze', 'jumpWall'] as const) {
      const clock = new ManualClock()
      const deadline = new SharedTimeLimit(clock, 100).begin()
      const aborted: boolean[] = []
      const all = [1, 2].map(() => ({
        isOver: false,
        giveUp: () => void aborted.push(deadline.signal.aborted),
      }))
      for (const one of all) deadline.add(one)
      clock[pass](101)
      for (const one of all) assert.equal(deadline.end(one), false, pass)
      assert.deepEqual(aborted, [false, false])
      assert.equal(deadline.signal.aborted, true)
      assert.equal(clock.pendingTimers, 0)
    }
  })
})
