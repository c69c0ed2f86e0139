/** The code that `npm run test:invariants` removes exists. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { REMOVALS, without } from './removals.ts'

for (const removal of REMOVALS) {
  test(`rule ${removal.rule} can be removed: ${removal.what}`, () => {
    const source = readFileSync(removal.file, 'utf8')
    assert.notEqual(without(source, removal), source)
  })
}
