import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BeatAnswer } from '../../src/coherence/driver.ts'
import { distance, isAcknowledged } from '../../src/coherence/stance.ts'

const KNOWN = { history: 'h', epoch: 5 }

describe('the stance of an instance', () => {
  for (const [history, epoch, expected] of [
    ['h', 5, 'level'],
    ['h', 6, 'behind'],
    ['h', 4, 'epoch-went-back'],
    ['other', 5, 'other-history'],
    ['other', 6, 'other-history'],
    ['other', 4, 'other-history'],
  ] as const) {
    it(`at epoch 5 of h that finds ${epoch} of ${history} is ${expected}`, () => {
      assert.equal(distance(KNOWN, { history, epoch }), expected)
      assert.equal(distance(undefined, { history, epoch }), 'first')
    })
  }

  const good: BeatAnswer = {
    member: 'member',
    acknowledged: 5,
    position: KNOWN,
    roster: 'r',
    settled: true,
    maxHolds: 2_000,
  }
  for (const [what, change, proven] of [
    ['its row says so', {}, true],
    ['the store has moved on since', { position: { history: 'h', epoch: 6 } }, true],
    ['its row says less', { acknowledged: 4 }, false],
    ['its row says more, because another process has acknowledged for it', { acknowledged: 6 }, false],
    ['its row is gone', { member: 'gone' }, false],
    ['its row is under another token', { member: 'taken' }, false],
    ['the history is another', { position: { history: 'other', epoch: 5 } }, false],
    ['the epoch went back', { position: { history: 'h', epoch: 4 } }, false],
  ] as const satisfies [string, Partial<BeatAnswer>, boolean][]) {
    it(`is ${proven ? '' : 'not '}proven when ${what}`, () => {
      assert.equal(isAcknowledged(KNOWN, { ...good, ...change }), proven)
    })
  }
})
