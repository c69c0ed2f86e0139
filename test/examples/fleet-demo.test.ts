/** Runs the demo of a fleet in trouble, unchanged, on PostgreSQL, and tests what it counts as a failure. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { lateAccepts } from '../../examples/fleet-demo/timeline.ts'
import { spawnExample } from './run-example.ts'

test('the demo shows both scenes, whose drawings match their captions, and exits with 0', async () => {
  const { child, output } = spawnExample('fleet-demo/main.ts')
  const [code] = (await once(child, 'close')) as [number | null]
  const text = output()
  assert.equal(code, 0, text)
  assert.deepEqual(text.match(/accepted after revoke\(\) had returned: \d+/g), [
    'accepted after revoke() had returned: 0',
    'accepted after revoke() had returned: 0',
  ])
  const marks = [...text.matchAll(/▼ (revoke\(\) (?:called|returned, confirmed by \w+)|the bound)/g)]
  assert.deepEqual(
    marks.map(([, mark]) => mark?.replace('the bound', 'bound')).filter((mark) => mark !== 'bound'),
    [
      'revoke() called',
      'revoke() returned, confirmed by all',
      'revoke() called',
      'revoke() returned, confirmed by lease',
    ],
  )
  const row = (name: string) =>
    new RegExp(`^${name} {2,}(\\S.*)$`, 'm').exec(text.replaceAll(/[()]/g, ''))?.[1]
  // On a busy machine answers are late, or 503 while reconnecting to the store: neither accepts a key.
  assert.match(row('second cut off') ?? '', /^[█ ]+▒[▒░ ]*last accepted \d+ ms after the call$/)
  assert.match(row('third stopped') ?? '', /^[█ ]+[░▒ ]*last accepted (?:\d+ ms before|0 ms after) the call$/)
  assert.doesNotMatch(text, /seconds later/)
})

test('lateAccepts counts an accepted request that was sent after revoke() had returned', () => {
  const accepted = (at: number) => ({ at, status: 200 })
  const first = [accepted(1), { at: 11, status: 401 }, { at: 12, status: 503 }, { at: 13, status: 0 }]
  assert.deepEqual(lateAccepts([first, [accepted(9)]], 10), [])
  assert.deepEqual(lateAccepts([first, [accepted(9), accepted(11)]], 10), [accepted(11)])
})
