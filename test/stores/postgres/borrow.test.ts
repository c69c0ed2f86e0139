/** What the borrower does with bad connections, on a pool and a clock of the test. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Borrower } from '../../../src/stores/postgres/borrow.ts'
import type { PostgresClient, PostgresPool } from '../../../src/stores/postgres/pool.ts'

/** A pool that lends the connection that came back last, as that of `pg` does. */
function poolOf(max: number) {
  const idle: PostgresClient[] = []
  const state = { newOnesAreGood: true, made: 0 }
  const listeners: Record<string, (client: PostgresClient) => void> = {}
  const makeClient = (): PostgresClient => {
    const isGood = state.newOnesAreGood
    state.made++
    const client = {
      async query(text: string) {
        if (isGood || !text.startsWith('SELECT 1')) return { rows: [] }
        throw Object.assign(new Error('permission denied'), { code: '42501', severity: 'ERROR' })
      },
      release: (destroyed?: boolean) => void (destroyed === true || idle.push(client)),
      getTransactionStatus: () => 'I',
      on() {},
      removeListener() {},
    } as unknown as PostgresClient
    return client
  }
  const pool: PostgresPool = {
    options: { max },
    query: () => Promise.reject(new Error('not used')),
    on: (event, listener) => void (listeners[event] = listener),
    connect(callback) {
      const kept = idle.pop()
      const client = kept ?? makeClient()
      if (kept === undefined) listeners.connect?.(client)
      listeners.acquire?.(client)
      callback(undefined, client)
    },
  }
  return { pool, idle, state, makeClient }
}

it('a borrower finds good connections again a second after all were bad, however often it is asked meanwhile', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const { pool, idle, state, makeClient } = poolOf(3)
  const borrower = new Borrower(pool, () => {})
  const run = () => borrower.run({ text: 'SELECT 1', values: [] }, new AbortController().signal)
  const works = () =>
    run().then(
      () => true,
      () => false,
    )
  // The app leaves more bad ones behind than the borrower tries.
  state.newOnesAreGood = false
  const leave = (count: number) => {
    for (let i = 0; i < count; i++) {
      const client = makeClient()
      idle.push(client)
    }
  }
  leave(8)
  assert.equal(await works(), false)
  state.newOnesAreGood = true
  const answered: boolean[] = []
  for (now = 100; now <= 1_500; now += 100) answered.push(await works())
  assert.equal(answered.at(-1), true)
  assert.ok(answered.lastIndexOf(false) < 10, answered.join())
})

describe('with a pool that does not tell which connections are new, a borrower', () => {
  function borrowerOf(max: number) {
    const { pool, ...rest } = poolOf(max)
    delete pool.on
    const borrower = new Borrower(pool, () => {})
    const run = () => borrower.run({ text: 'SELECT 1', values: [] }, new AbortController().signal)
    return { ...rest, run }
  }

  it('leaves behind as many bad connections as the pool has', async () => {
    const { idle, state, makeClient, run } = borrowerOf(4)
    state.newOnesAreGood = false
    idle.push(...Array.from({ length: 4 }, makeClient))
    state.newOnesAreGood = true
    await run()
    assert.equal(state.made, 5)
  })

  it('takes an error of all for the own one of the statement, and does not try them all again at once', async () => {
    const { state, run } = borrowerOf(4)
    state.newOnesAreGood = false
    await assert.rejects(run(), { code: '42501' })
    assert.equal(state.made, 5)
    for (let i = 0; i < 3; i++) await assert.rejects(run(), { code: '42501' })
    assert.equal(state.made, 5)
  })
})
