import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BeatAnswer } from '../../src/coherence/driver.ts'
import { distance, isAcknowledged } from '../../src/coherence/stance.ts'

const KNOWN = { history: 'h', epoch: 5 }

describe('how an instance stands to the store', () => {
  for (const [history, epoch, expected] of [
    ['h', 5, 'level'],
    ['h', 6, 'behind'],
    ['h', 4, 'epoch-went-back'],
    ['other', 5, 'other-history'],
    ['other', 6, 'other-history'],
    ['other', 4, 'other-history'],
  ] as const) {
    it(`that knows 5 of h and finds ${epoch} of ${history}: ${expected}`, () => {
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
    ['its row says just that', {}, true],
    ['the store has moved on since', { position: { history: 'h', epoch: 6 } }, true],
    ['its row says less', { acknowledged: 4 }, false],
    ['its row says more, as another process has acknowledged for it', { acknowledged: 6 }, false],
    ['its row is gone', { member: 'gone' }, false],
    ['its row is under another token', { member: 'taken' }, false],
    ['the history is another one', { position: { history: 'other', epoch: 5 } }, false],
    ['the epoch went back', { position: { history: 'h', epoch: 4 } }, false],
  ] as const satisfies [string, Partial<BeatAnswer>, boolean][]) {
    it(`is ${proven ? '' : 'not '}proven where ${what}`, () => {
      assert.equal(isAcknowledged(KNOWN, { ...good, ...change }), proven)
    })
  }
})
