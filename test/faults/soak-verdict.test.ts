/** The verdict on a soak, on figures that are made wrong by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeSoak, type SoakFigures } from './soak-verdict.ts'

const FINE: SoakFigures = {
  trials: 100,
  violations: 0,
  growth: [
    { instance: 'a', factor: 1.02 },
    { instance: 'b', factor: 0.97 },
  ],
  leftovers: [
    { instance: 'a', connections: 3, pendingLookups: 0 },
    { instance: 'b', connections: 1, pendingLookups: 0 },
  ],
}

test('a soak that leaves nothing over is fine', () => {
  assert.deepEqual(judgeSoak(FINE, 3), [])
})

for (const [what, change] of Object.entries({
  'played no trial': { trials: 0 },
  'saw a violation': { violations: 1 },
  'measured no memory': { growth: [] },
  'was too short to judge memory by': { growth: [{ instance: 'a', factor: NaN }] },
  'saw memory grow': { growth: [...FINE.growth, { instance: 'c', factor: 1.3 }] },
  'asked nobody what is left': { leftovers: [] },
  'left look-ups pending': { leftovers: [{ instance: 'a', connections: 1, pendingLookups: 1 }] },
  'left an instance that does not answer': {
    leftovers: [{ instance: 'a', connections: 1, pendingLookups: undefined }],
  },
  'left connections': { leftovers: [{ instance: 'a', connections: 4, pendingLookups: 0 }] },
} satisfies Record<string, Partial<SoakFigures>>)) {
  test(`a soak that ${what} is not fine`, () => {
    assert.equal(judgeSoak({ ...FINE, ...change }, 3).length, 1)
  })
}
