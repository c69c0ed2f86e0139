import assert from 'node:assert/strict'
import { it } from 'node:test'
import { runInNewContext } from 'node:vm'
import { momentOf } from '../../src/lib/dates.ts'

class Shifted extends Date {
  override getTime() {
    return 7
  }
}

it('the moment of a date is its own, whatever its realm and its class', () => {
  assert.equal(momentOf(new Date(0)), 0)
  assert.equal(momentOf(new Date(-1)), -1)
  assert.equal(momentOf(runInNewContext('new Date(5)')), 5)
  assert.equal(momentOf(new Shifted(5)), 5)
})

it('nothing but a valid date has a moment', () => {
  const posing = Object.create(Date.prototype) as unknown
  for (const value of [new Date(NaN), posing, { getTime: () => 5 }, 5, '2026-01-01', null, undefined])
    assert.equal(momentOf(value), undefined)
})
