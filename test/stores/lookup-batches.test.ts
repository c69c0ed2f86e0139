/** Look-ups that share a statement, on a store that a test answers by hand and a clock that it moves. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { StoredKey } from '../../src/stores/key-store.ts'
import { type Found, LookupBatches } from '../../src/stores/lookup-batches.ts'
import { ManualClock, settle } from '../cache/manual-clock.ts'

const keyOf = (hash: string, read = 0): StoredKey => ({ id: hash, tenant: { id: `${hash} of read ${read}` } })

interface Statement {
  hashes: readonly string[]
  signal: AbortSignal
  answer: (found?: Found) => void
  fail: (error: Error) => void
}

function build() {
  const clock = new ManualClock()
  const statements: Statement[] = []
  const lookups = new LookupBatches({
    clock,
    isOfOne: (error) => (error as Error).message !== 'gone',
    ask: (hashes, signal) =>
      new Promise((resolve, reject) => {
        const read = statements.length + 1
        const right: Found = (hash) => {
          assert.ok(hashes.includes(hash), 'it was asked for')
          return hash.startsWith('5') ? null : keyOf(hash, read)
        }
        statements.push({ hashes, signal, answer: (found = right) => resolve(found), fail: reject })
      }),
  })
  /** Looks up a hash and records the outcome. */
  const outcomes: Record<string, unknown>[] = []
  const find = (hash: string, signal = new AbortController().signal) => {
    const outcome: Record<string, unknown> = { hash }
    outcomes.push(outcome)
    lookups.find(hash, signal).then(
      (found) => (outcome.found = found?.tenant.id ?? null),
      (error: unknown) => (outcome.error = (error as Error).message),
    )
  }
  const asked = () => statements.map(({ hashes }) => hashes.join())
  const statement = (i: number) => statements[i] ?? assert.fail(`there is no statement ${i}`)
  return { clock, find, outcomes, asked, statement }
}

describe('batched look-ups', () => {
  it('made in one turn share a statement, which has each hash once', async () => {
    const { find, outcomes, asked, statement } = build()
    for (const hash of ['aa', 'bb', '55', 'aa']) find(hash)
    await settle()
    assert.deepEqual(asked(), ['aa,bb,55'])
    statement(0).answer()
    await settle()
    assert.deepEqual(outcomes, [
      { hash: 'aa', found: 'aa of read 1' },
      { hash: 'bb', found: 'bb of read 1' },
      { hash: '55', found: null },
      { hash: 'aa', found: 'aa of read 1' },
    ])
  })

  it('made while a statement is under way share the next one', async () => {
    const { clock, find, outcomes, asked, statement } = build()
    find('aa')
    await settle()
    find('bb')
    await settle()
    find('cc')
    await settle()
    assert.deepEqual(asked(), ['aa'])
    statement(0).answer()
    await settle()
    assert.deepEqual(asked(), ['aa', 'bb,cc'])
    statement(1).answer()
    await settle()
    assert.ok(outcomes.every(({ found }) => found !== undefined))
    assert.equal(clock.pendingTimers, 0)
  })

  it('never use the answer of a statement that was sent before them', async () => {
    const { find, outcomes, asked, statement } = build()
    find('aa')
    await settle()
    find('aa')
    await settle()
    statement(0).answer()
    await settle()
    assert.deepEqual(outcomes, [{ hash: 'aa', found: 'aa of read 1' }, { hash: 'aa' }])
    assert.deepEqual(asked(), ['aa', 'aa'])
    statement(1).answer()
    await settle()
    assert.deepEqual(outcomes[1], { hash: 'aa', found: 'aa of read 2' })
  })

  it('wait only briefly for a slow statement', async () => {
    const { clock, find, outcomes, asked, statement } = build()
    find('aa')
    await settle()
    find('bb')
    await clock.advance(19)
    assert.deepEqual(asked(), ['aa'])
    await clock.advance(1)
    assert.deepEqual(asked(), ['aa', 'bb'])
    find('cc')
    await settle()
    statement(1).answer()
    await settle()
    assert.deepEqual(asked(), ['aa', 'bb', 'cc'])
    assert.deepEqual(outcomes[0], { hash: 'aa' })
  })

  it('go 64 to a statement at most, and full statements do not wait for each other', async () => {
    const { find, asked } = build()
    for (let i = 0; i < 130; i++) find(`a${i}`)
    await settle()
    assert.deepEqual(
      asked().map((hashes) => hashes.split(',').length),
      [64, 64, 2],
    )
  })

  it('are each aborted by their own signal, and their statement with the last of them', async () => {
    const { clock, find, outcomes, asked, statement } = build()
    const [first, second, waiting] = [new AbortController(), new AbortController(), new AbortController()]
    find('aa', first.signal)
    find('bb', second.signal)
    find('aa', second.signal)
    await settle()
    find('cc', waiting.signal)
    find('dd')
    first.abort(new Error('first'))
    waiting.abort(new Error('waiting'))
    await settle()
    assert.deepEqual(
      outcomes.map(({ error }) => error),
      ['first', undefined, undefined, 'waiting', undefined],
    )
    assert.equal(statement(0).signal.aborted, false)
    second.abort(new Error('second'))
    await clock.advance(20)
    assert.equal((statement(0).signal.reason as Error).message, 'second')
    assert.deepEqual(asked(), ['aa,bb', 'dd'], 'nobody waits for cc')
    find('ee', AbortSignal.abort(new Error('before')))
    await settle()
    assert.equal(outcomes.at(-1)?.error, 'before')
  })

  it('listen only once to a signal that they share', async () => {
    const { find, outcomes, asked, statement } = build()
    const abort = new AbortController()
    const add = abort.signal.addEventListener.bind(abort.signal)
    let added = 0
    abort.signal.addEventListener = (...args: Parameters<typeof add>) => {
      added++
      add(...args)
    }
    for (const hash of ['aa', 'bb', 'cc']) find(hash, abort.signal)
    await settle()
    statement(0).answer()
    await settle()
    find('dd', abort.signal)
    await settle()
    abort.abort(new Error('given up'))
    await settle()
    assert.equal(added, 1)
    assert.deepEqual(asked(), ['aa,bb,cc', 'dd'])
    assert.deepEqual(
      outcomes.map(({ error }) => error),
      [undefined, undefined, undefined, 'given up'],
    )
  })

  it('are retried in halves when their statement fails because of one of them', async () => {
    const { find, outcomes, asked, statement } = build()
    const hashes = ['aa', 'bb', 'broken', 'cc', 'dd']
    for (const hash of [...hashes, 'broken']) find(hash)
    for (let i = 0; i < asked().length || i === 0; i++) {
      await settle()
      const { hashes, fail, answer } = statement(i)
      if (hashes.includes('broken')) fail(new Error(`broken, with ${hashes.length}`))
      else answer()
      await settle()
    }
    for (const outcome of outcomes) {
      if (outcome.hash === 'broken') assert.equal(outcome.error, 'broken, with 1')
      else assert.match(String(outcome.found), /^(aa|bb|cc|dd) of read/)
    }
    assert.equal(asked().length, 5)
  })

  it('do not fail because another one cannot be read', async () => {
    const { find, outcomes, statement } = build()
    find('aa')
    find('bb')
    await settle()
    statement(0).answer((hash) => {
      if (hash === 'aa') throw new Error('lost')
      return keyOf(hash)
    })
    await settle()
    assert.deepEqual(outcomes, [
      { hash: 'aa', error: 'lost' },
      { hash: 'bb', found: 'bb of read 0' },
    ])
  })

  it('fail together, without a retry, when the error concerns them all', async () => {
    const { find, outcomes, asked, statement } = build()
    find('aa')
    find('bb')
    await settle()
    statement(0).fail(new Error('gone'))
    await settle()
    assert.deepEqual(
      outcomes.map(({ error }) => error),
      ['gone', 'gone'],
    )
    assert.deepEqual(asked(), ['aa,bb'])
  })

  it('each get their own answer, read after they were made, in any order of events', async () => {
    const HASHES = ['aa', 'bb', 'cc', '55', 'broken']
    const move = fc.oneof(
      { weight: 4, arbitrary: fc.record({ find: fc.constantFrom(...HASHES) }) },
      { weight: 2, arbitrary: fc.record({ settle: fc.nat(9), as: fc.constantFrom('right', 'gone') }) },
      { weight: 1, arbitrary: fc.record({ abort: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(1, 20, 100) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 40 }), async (moves) => {
        const clock = new ManualClock()
        /** Rises with each move, to tell what was sent when. */
        let time = 0
        const open: { hashes: readonly string[]; settle: (as: string) => void }[] = []
        const lookups = new LookupBatches({
          clock,
          isOfOne: (error) => (error as Error).message === 'broken',
          ask: (hashes) =>
            new Promise((resolve, reject) => {
              const sent = time
              const settle = (as: string) => {
                if (as === 'gone') reject(new Error('gone'))
                else if (hashes.includes('broken')) reject(new Error('broken'))
                else resolve((hash) => (hash === '55' ? null : keyOf(hash, sent)))
              }
              open.push({ hashes, settle })
            }),
        })
        const asked: { abort: AbortController; answer: Promise<void> }[] = []
        const ask = (hash: string) => {
          const came = time
          const abort = new AbortController()
          const check = async () => {
            let found
            try {
              found = await lookups.find(hash, abort.signal)
            } catch (error) {
              const { message } = error as Error
              assert.ok(
                message === 'gone' || (message === 'broken' && hash === 'broken') || abort.signal.aborted,
              )
              return
            }
            assert.equal(found?.id, hash === '55' ? undefined : hash)
            if (found) assert.ok(Number(/\d+$/.exec(found.tenant.id)?.[0]) >= came, 'an earlier answer')
          }
          asked.push({ abort, answer: check() })
        }
        for (const move of moves) {
          time++
          if ('find' in move) ask(move.find)
          else if ('settle' in move) open.splice(move.settle, 1)[0]?.settle(move.as)
          else if ('abort' in move) asked[move.abort]?.abort.abort(new Error('given up'))
          else await clock.advance(move.pass)
          await settle()
        }
        for (let i = 0; i < 20; i++) {
          for (const { settle } of open.splice(0)) settle('right')
          await clock.advance(20)
        }
        await Promise.all(asked.map(({ answer }) => answer))
        assert.deepEqual([open.length, clock.pendingTimers], [0, 0])
      }),
      { numRuns: 100, seed: 1 },
    )
  })
})
