import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BackOff } from '../../src/coherence/back-off.ts'

/** The pauses after one failure, two, and so on. */
function pauses(count: number, heartbeat: number, random: () => number): number[] {
  const backOff = new BackOff(heartbeat, random)
  return Array.from({ length: count }, () => {
    backOff.failed()
    return backOff.pause
  })
}

describe('the back-off after a lost connection', () => {
  it('doubles with each failure, up to ten seconds', () => {
    assert.deepEqual(
      pauses(9, 500, () => 1),
      [125, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000],
    )
  })

  it('pauses for less than a heartbeat over the first two failures', () => {
    const [first = 0, second = 0] = pauses(2, 500, () => 1)
    assert.ok(first + second < 500)
  })

  it('grows up to the heartbeat if that is longer than ten seconds', () => {
    assert.equal(pauses(20, 30_000, () => 1).at(-1), 30_000)
  })

  it('spreads instances over half of the pause', () => {
    assert.deepEqual(
      pauses(3, 800, () => 0),
      [100, 200, 400],
    )
    assert.notEqual(pauses(1, 800, Math.random)[0], pauses(1, 800, Math.random)[0])
  })

  it('starts over once a connection has worked', () => {
    const backOff = new BackOff(400, () => 1)
    for (let i = 0; i < 5; i++) backOff.failed()
    backOff.worked()
    backOff.failed()
    assert.equal(backOff.pause, 100)
  })
})
