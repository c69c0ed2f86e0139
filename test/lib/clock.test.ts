import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bothClocks, systemClock } from '../../src/lib/clock.ts'

/** A clock that moves by the next of these milliseconds after each time that the wall clock is read. */
function heldUp(...pauses: number[]) {
  let now = 0
  return {
    ...systemClock,
    now: () => now,
    wall() {
      const read = 1_000_000 + now
      now += pauses.shift() ?? 0
      return read
    },
  }
}
const at = (now: number) => ({ now, wall: 1_000_000 + now })

describe('both clocks', () => {
  it('are read once if nothing holds the process up', () => {
    assert.deepEqual(bothClocks(heldUp(0)), at(0))
    assert.deepEqual(bothClocks(heldUp(0.9)), at(0))
  })

  it('are read again after a millisecond or more between them, five times at most', () => {
    assert.deepEqual(bothClocks(heldUp(1)), at(1))
    assert.deepEqual(bothClocks(heldUp(20, 1, 3)), at(24))
    assert.deepEqual(bothClocks(heldUp(1, 1, 1, 1)), at(4))
    assert.deepEqual(bothClocks(heldUp(1, 1, 1, 1, 1, 1)), at(4))
  })
})
