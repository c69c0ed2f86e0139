/** When a lease holds: its end, its terms, and clocks that no longer agree. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLOCK_TOLERANCE } from '../../src/coherence/fleet-times.ts'
import { Lease } from '../../src/coherence/lease.ts'
import { ManualClock } from '../cache/manual-clock.ts'

function leaseOf(ms: number) {
  const clock = new ManualClock()
  const start = clock.now()
  const seen = { jumps: 0 }
  const lease = new Lease(start + ms, clock, () => seen.jumps++)
  return {
    clock,
    lease,
    seen,
    holds: () => lease.holds(clock.now(), clock.wall()),
    /** On a proof that was asked for now. */
    extend: (ms: number) =>
      lease.extend(clock.now() + ms, { now: clock.now(), wall: clock.wall() }, clock.now()),
  }
}

describe('a lease', () => {
  it('holds until its end and not at it', () => {
    const { clock, holds } = leaseOf(100)
    clock.freeze(99)
    assert.equal(holds(), true)
    clock.freeze(1)
    assert.equal(holds(), false)
  })

  it('holds no more once it is void', () => {
    const { lease, holds } = leaseOf(100)
    lease.void()
    assert.equal(holds(), false)
  })

  it('is extended, never shortened', () => {
    const { clock, lease, extend, holds } = leaseOf(100)
    extend(200)
    extend(50)
    assert.equal(lease.end, clock.now() + 200)
    clock.freeze(199)
    assert.equal(holds(), true)
  })

  it('begins a new term if the one before it had ended, and keeps its term while it is extended', () => {
    const { clock, lease, extend } = leaseOf(100)
    clock.freeze(99)
    extend(100)
    assert.equal(lease.term, 0)
    clock.freeze(100)
    extend(100)
    assert.equal(lease.term, 1)
  })

  for (const [what, sign] of [
    ['suspended machine', 1],
    ['wall clock that is set back', -1],
  ] as const) {
    it(`notices a ${what} once`, () => {
      const { clock, lease, seen, holds } = leaseOf(1_000)
      clock.jumpWall(sign * CLOCK_TOLERANCE)
      holds()
      assert.deepEqual([seen.jumps, lease.term], [0, 0])
      clock.jumpWall(sign)
      holds()
      holds()
      assert.deepEqual([seen.jumps, lease.term], [1, 1])
    })
  }

  it('takes no jump for what was only a delay between the two clocks', () => {
    const { clock, seen, holds } = leaseOf(1_000)
    clock.holdUpBeforeWall(CLOCK_TOLERANCE + 1)
    assert.equal(holds(), true)
    assert.equal(seen.jumps, 0)
  })

  it('compares the clocks with how they stood when its last proof was asked for', () => {
    const { clock, lease, seen, extend, holds } = leaseOf(1_000)
    for (let i = 0; i < 5; i++) {
      clock.jumpWall(0.6 * CLOCK_TOLERANCE)
      extend(1_000 + i)
      assert.equal(holds(), true)
    }
    assert.equal(seen.jumps, 0, 'clocks that drift apart slowly agree again with each proof')

    const asked = { now: clock.now(), wall: clock.wall() }
    clock.jumpWall(CLOCK_TOLERANCE + 1)
    lease.extend(clock.now() + 2_000, asked, clock.now())
    holds()
    assert.equal(seen.jumps, 1, 'a machine that was suspended while the proof was under way is noticed')
  })
})
