/** That what `npm run test:invariants` takes out of the code is there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { REMOVALS, without } from './removals.ts'

for (const removal of REMOVALS) {
  test(`rule ${removal.rule} can be taken out: ${removal.what}`, () => {
    const source = readFileSync(removal.file, 'utf8')
    assert.notEqual(without(source, removal), source)
  })
}
