import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Rate } from '../../src/leak-reports/rate.ts'
import { ManualClock } from '../cache/manual-clock.ts'

const refused = (seconds: string) => ({ statusCode: 429, headers: { 'retry-after': seconds } })

it('lets an address report so often in a minute, and says when the next one begins', async () => {
  const clock = new ManualClock()
  const rate = new Rate(2, clock)
  rate.count('a')
  await clock.advance(500)
  rate.count('a')
  assert.throws(() => rate.count('a'), refused('60'))
  await clock.advance(59_499)
  assert.throws(() => rate.count('a'), refused('1'))
  rate.count('b')
  await clock.advance(1)
  rate.count('a')
})

it('remembers the ten thousand addresses that reported last', () => {
  const rate = new Rate(1, new ManualClock())
  for (let address = 0; address < 10_000; address++) rate.count(String(address))
  assert.throws(() => rate.count('0'), refused('60'))
  rate.count('another')
  rate.count('1')
})
