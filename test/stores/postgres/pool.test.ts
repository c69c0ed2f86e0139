/** How the store treats a pool and its clients, with fakes that a test controls. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Borrower } from '../../../src/stores/postgres/borrow.ts'
import { checkOut, type PostgresClient, type PostgresPool } from '../../../src/stores/postgres/pool.ts'
import { NEVER } from './setup.ts'

function serverError(code: string): Error {
  // The server says the severity in its own language.
  return Object.assign(new Error(code), { code, severity: 'FEHLER' })
}

/** A write, which is sent once. */
const run = (pool: PostgresPool) =>
  new Borrower(pool, () => {}).run({ text: 'it', values: [], writes: true }, NEVER)

/** A pool that lends one client, whose statements answer what the test says. */
function poolOf(answer: (text: string) => Promise<{ rows: object[] }>) {
  const released: (boolean | undefined)[] = []
  const asked: string[] = []
  const client: PostgresClient = {
    query: (text) => {
      asked.push(text)
      return answer(text)
    },
    release: (destroy) => void released.push(destroy),
    on: () => {},
    removeListener: () => {},
  }
  const pool: PostgresPool = {
    query: () => Promise.reject(new Error()),
    connect: (lend) => lend(undefined, client),
    options: { max: 1 },
  }
  return { pool, released, asked }
}

describe('a client of the pool', () => {
  const afterwards = async (error: Error) => {
    const { pool, released } = poolOf(async (text) => {
      if (text === 'it') throw error
      return { rows: [] }
    })
    await assert.rejects(run(pool), (thrown: Error) => thrown === error || thrown.cause === error)
    return released
  }

  it('is returned after a statement error, whatever the language of the server', async () => {
    for (const code of ['42P01', '23505', '40001', '55P03']) {
      assert.deepEqual(await afterwards(serverError(code)), [undefined], code)
    }
  })

  it('is destroyed after a server or connection error', async () => {
    for (const code of ['57P01', '57P03', '08006', '53300']) {
      assert.deepEqual(await afterwards(serverError(code)), [true], code)
    }
    assert.deepEqual(await afterwards(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })), [true])
  })

  it('is told once to check for dead peers, and works if the server cannot', async () => {
    const { pool, asked, released } = poolOf((text) =>
      text === 'it' ? Promise.resolve({ rows: [] }) : Promise.reject(serverError('22023')),
    )
    await run(pool)
    await run(pool)
    assert.deepEqual(
      asked.map((text) => (text === 'it' ? 'it' : /client_connection_check_interval/.exec(text)?.[0])),
      ['client_connection_check_interval', 'it', 'it'],
    )
    assert.deepEqual(released, [undefined, undefined])
  })

  it('is destroyed if the connection fails at that point', async () => {
    const { pool, asked, released } = poolOf(() => Promise.reject(new Error('reset')))
    await assert.rejects(run(pool), (error: Error) => (error.cause as Error).message === 'reset')
    assert.deepEqual(new Set(asked.map((text) => text === 'it')), new Set([false]), 'never sent')
    assert.ok(released.every((destroyed) => destroyed === true))
  })
})

describe('a pool that lends nothing', () => {
  it('is not asked while it owes a thousand clients, and is asked again once they have come', async () => {
    const lend: ((client: PostgresClient) => void)[] = []
    const pool: PostgresPool = {
      query: () => Promise.reject(new Error()),
      connect: (callback) => lend.push((client) => callback(undefined, client)),
    }
    const giveUp = async () => {
      const abort = new AbortController()
      const lent = checkOut(pool, abort.signal, () => {})
      abort.abort(new Error('given up'))
      return lent.then(() => 'lent', String)
    }
    for (let i = 0; i < 1_000; i++) assert.equal(await giveUp(), 'Error: given up')
    assert.match(
      await giveUp(),
      /the pool hands out no connections: does it have a connectionTimeoutMillis\?/,
    )
    assert.equal(lend.length, 1_000)

    let released = 0
    const client: PostgresClient = {
      query: () => Promise.reject(new Error()),
      release: () => void released++,
      on: () => {},
      removeListener: () => {},
    }
    for (const resolve of lend) resolve(client)
    await sleep(10)
    assert.equal(released, 1_000)
    assert.equal(await giveUp(), 'Error: given up')
    assert.equal(lend.length, 1_001)
  })
})
