import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Regulars } from '../../src/cache/regulars.ts'

const known = (regulars: Regulars) => ['a', 'b', 'c'].filter((digest) => regulars.has(digest)).join('')

it('Regulars remembers as many keys as it may, and forgets the oldest first', () => {
  const regulars = new Regulars(2)
  regulars.add('a')
  regulars.add('b')
  assert.equal(known(regulars), 'ab')
  regulars.add('c')
  assert.equal(known(regulars), 'bc')
})

it('Regulars counts a key that is added again as new', () => {
  const regulars = new Regulars(2)
  for (const digest of ['a', 'b', 'a', 'c']) regulars.add(digest)
  assert.equal(known(regulars), 'ac')
})

it('Regulars forgets a deleted key', () => {
  const regulars = new Regulars(2)
  regulars.add('a')
  regulars.delete('a')
  assert.equal(known(regulars), '')
})
