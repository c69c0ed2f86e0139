import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Sampler } from '../../src/lib/sampler.ts'
import { ManualClock } from '../cache/manual-clock.ts'

describe('a sampler', () => {
  const set = () => {
    const clock = new ManualClock()
    const sampler = new Sampler(clock)
    const said: string[] = []
    const say = (kind: string, words = kind) => sampler.say(kind, (more) => said.push(`${words} ${more}`))
    return { clock, said, say }
  }

  it('reports the first of a kind at once, and the last with a count a second later', async () => {
    const { clock, said, say } = set()
    say('slow', 'first')
    assert.deepEqual(said, ['first 0'])
    say('slow', 'second')
    say('slow', 'third')
    await clock.advance(999)
    assert.deepEqual(said, ['first 0'])
    await clock.advance(1)
    assert.deepEqual(said, ['first 0', 'third 2'])
    say('slow', 'next')
    assert.equal(said.at(-1), 'next 0')
  })

  it('reports what came once only once', async () => {
    const { clock, said, say } = set()
    say('slow')
    await clock.advance(5_000)
    assert.deepEqual(said, ['slow 0'])
    assert.equal(clock.pendingTimers, 0)
  })

  it('distinguishes a hundred kinds and counts all others as one', async () => {
    const { clock, said, say } = set()
    for (let kind = 0; kind < 150; kind++) say(`kind ${kind}`)
    assert.equal(said.length, 101)
    say('kind 7')
    await clock.advance(1_000)
    assert.deepEqual(said.slice(101).sort(), ['kind 149 49', 'kind 7 1'])
  })
})
