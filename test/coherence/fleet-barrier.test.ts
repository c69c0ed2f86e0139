import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FleetView, PendingRow, WriteMark } from '../../src/coherence/driver.ts'
import { awaitFleet, POLL_LIMIT } from '../../src/coherence/fleet-barrier.ts'
import { CLOCK_TOLERANCE, patience } from '../../src/coherence/fleet-times.ts'
import { SettledWatch } from '../../src/coherence/settled-watch.ts'
import { SharedRead } from '../../src/coherence/shared-read.ts'
import { withTimeLimit } from '../../src/lib/time-limit.ts'
import { ManualClock } from '../cache/manual-clock.ts'

const LEASE = 2_000

function row(instance: string, fields: Partial<PendingRow> = {}): PendingRow {
  return { instance, label: `host:${instance}`, acknowledged: 0, holds: LEASE, ...fields }
}

interface Given extends Partial<Omit<FleetView, 'pending'>> {
  rows: PendingRow[]
}

/** Runs a barrier for epoch 5 on a manual clock. `view` is asked at each read, with the milliseconds since the start. */
async function run(
  view: (elapsed: number, signal: AbortSignal) => PendingRow[] | Given | Promise<never>,
  { mark, reap }: { mark?: Partial<WriteMark>; reap?: () => Promise<never> } = {},
) {
  const clock = new ManualClock()
  const start = clock.now()
  const reaped: { instances: readonly string[]; roster: string }[] = []
  const settled: string[] = []
  const reads: number[] = []
  const readFleet = async (epoch: number, signal: AbortSignal): Promise<FleetView> => {
    reads.push(clock.now() - start)
    const given = await view(clock.now() - start, signal)
    const { rows, ...rest } = Array.isArray(given) ? { rows: given } : given
    const pending = rows.filter(({ acknowledged }) => acknowledged < epoch)
    return {
      position: { history: 'h', epoch: 5 },
      roster: 'r',
      settled: true,
      instances: rows.length,
      maxHolds: 0,
      pending,
      ...rest,
    }
  }
  const shared = new SharedRead((epoch) =>
    withTimeLimit(clock, POLL_LIMIT, (signal) => readFleet(epoch, signal)),
  )
  const work = awaitFleet(
    { epoch: 5, history: 'h', ...mark },
    {
      driver: {
        reap: async (instances, _below, roster) => {
          await reap?.()
          reaped.push({ instances, roster })
          return instances
        },
        settle: async (history, roster) => void settled.push(`${history}/${roster}`),
      },
      read: (epoch) => shared.read(epoch),
      watch: new SettledWatch(LEASE, clock),
      clock,
    },
  )
  const state = { over: false }
  const end = () => void (state.over = true)
  work.then(end, end)
  for (let turns = 0; !state.over && turns < 100_000; turns++) await clock.advance(1)
  const { reaped: labels, ...confirmation } = await work
  assert.equal(clock.pendingTimers, 0, 'no timer is left')
  return { confirmation, labels, reaped, settled, reads }
}

const broken = () => Promise.reject(new Error('connection refused'))
const hangs = () => new Promise<never>(() => {})

describe('the barrier', () => {
  const outcomes: [string, Parameters<typeof run>[0], 'all' | 'lease', number, number][] = [
    ['no instance is registered', () => [], 'all', 0, 0],
    [
      'all instances acknowledge the epoch or a later one',
      (t) => [row('a', { acknowledged: t > 20 ? 5 : 4 }), row('b', { acknowledged: 6 })],
      'all',
      20,
      50,
    ],
    [
      'one acknowledges only an earlier epoch',
      () => [row('a', { acknowledged: 4 })],
      'lease',
      patience(LEASE),
      patience(LEASE),
    ],
    [
      'one that has acknowledged nothing yet catches up',
      (t) => [row('a', { acknowledged: t > 100 ? 5 : -1 })],
      'all',
      100,
      130,
    ],
    ['one leaves', (t) => (t > 100 ? [] : [row('a')]), 'all', 100, 130],
    [
      'another one registers after the first read, because it reads its position even later',
      (t) => (t === 0 ? [row('a')] : [row('a', { acknowledged: 5 }), row('late', { acknowledged: -1 })]),
      'all',
      0,
      10,
    ],
    [
      'the silent one holds for less time than another one',
      (t) => [row('silent', { holds: 3_000 }), row('fine', { holds: 9_000, acknowledged: t > 30 ? 5 : 0 })],
      'lease',
      patience(3_000),
      patience(3_000),
    ],
    [
      'an instance with a longer hold takes over the row that it waits for',
      (t) => [row('a', { holds: t > 1_000 ? 5_000 : LEASE })],
      'lease',
      patience(5_000),
      patience(5_000),
    ],
    [
      'reads fail at first',
      (t) => (t < 100 ? broken() : [row('a', { acknowledged: t > 200 ? 5 : 0 })]),
      'all',
      200,
      230,
    ],
    [
      'rows are lost while it waits for them',
      (t) => (t < 100 ? [row('a')] : { rows: [], roster: 'another', settled: false }),
      'lease',
      patience(LEASE),
      patience(LEASE) + POLL_LIMIT,
    ],
    [
      'rows were lost, and another process settles the history',
      (t) => ({ rows: [], settled: t > 500 }),
      'all',
      500,
      530,
    ],
    [
      'the rows that were lost held longer than any that is left',
      () => ({ rows: [], settled: false, maxHolds: 4_000 }),
      'lease',
      patience(4_000),
      patience(4_000),
    ],
  ]
  for (const [when, view, confirmedBy, least, most] of outcomes) {
    it(`confirms by "${confirmedBy}" when ${when}`, async () => {
      const { confirmation } = await run(view)
      const { waitedMs } = confirmation
      assert.equal(confirmation.confirmedBy, confirmedBy)
      assert.ok(waitedMs >= Math.floor(least) && waitedMs <= Math.ceil(most), `${waitedMs} ms`)
    })
  }

  it('waits for a fifth more than a hold, as two clocks may each be slewed by up to 8.3 %', () => {
    assert.ok(patience(1_000) >= 1_000 * (1.083 / 0.917) + CLOCK_TOLERANCE)
  })

  it('reaps the instances that have not acknowledged by then, and names them', async () => {
    const { reaped, labels, confirmation } = await run((t) => [
      row('silent'),
      row('fine', { acknowledged: t > 30 ? 5 : 0 }),
      ...(t > 1_000 ? [row('new', { acknowledged: -1 })] : []),
    ])
    assert.deepEqual(reaped, [{ instances: ['silent'], roster: 'r' }])
    assert.deepEqual(labels, ['host:silent'])
    assert.equal(confirmation.instances, 3)
  })

  it('confirms even if reaping fails or hangs', async () => {
    for (const reap of [broken, hangs]) {
      const { confirmation, labels } = await run(() => [row('a')], { reap })
      assert.deepEqual([confirmation.confirmedBy, labels], ['lease', []])
    }
  })

  it('marks the history as settled once it has watched it for long enough', async () => {
    const { settled } = await run(() => ({ rows: [], settled: false }))
    assert.ok(settled.length > 0 && settled.every((words) => words === 'h/r'))
    assert.deepEqual((await run(() => [])).settled, [])
  })

  it('polls quickly at first and then every 25 ms', async () => {
    const { reads } = await run(() => [row('a')])
    const pauses = reads.map((time, i) => time - (reads[i - 1] ?? 0)).slice(1)
    assert.ok(
      pauses.slice(0, 4).every((pause) => pause < 10),
      pauses.join(),
    )
    assert.ok(pauses.every((pause) => pause <= 26))
  })

  it('aborts a read that hangs and tries again', async () => {
    const signals: AbortSignal[] = []
    const { confirmation } = await run((elapsed, signal) => {
      signals.push(signal)
      return elapsed === 0 ? hangs() : [row('a', { acknowledged: 5 })]
    })
    assert.equal(confirmation.confirmedBy, 'all')
    assert.ok(confirmation.waitedMs >= POLL_LIMIT && confirmation.waitedMs < POLL_LIMIT + 50)
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
  })

  it('waits out the longest hold known from the write when no read succeeds', async () => {
    for (const view of [broken, hangs]) {
      const { confirmation, reaped } = await run(view, { mark: { reach: { holds: 5_000, instances: 3 } } })
      const { waitedMs, ...rest } = confirmation
      assert.deepEqual(rest, { epoch: 5, confirmedBy: 'lease', instances: 3 })
      assert.ok(waitedMs >= patience(5_000) && waitedMs <= patience(5_000) + POLL_LIMIT, `${waitedMs}`)
      assert.deepEqual(reaped, [])
    }
  })

  it('keeps trying for at least a second, however short the hold', async () => {
    const mark = { reach: { holds: 0, instances: 0 } }
    const slow = await run((elapsed) => (elapsed < 800 ? broken() : []), { mark })
    assert.equal(slow.confirmation.confirmedBy, 'all')
  })

  it('throws when nothing says how long to wait', async () => {
    await assert.rejects(run(broken), (error: Error & { code?: string; effect?: string }) => {
      assert.deepEqual([error.code, error.effect], ['KEY_STORE_UNAVAILABLE', 'done'])
      assert.equal((error.cause as Error).message, 'connection refused')
      return true
    })
  })

  for (const [name, position] of [
    ['another history', { history: 'another', epoch: 9 }],
    ['an earlier epoch', { history: 'h', epoch: 4 }],
  ] as const) {
    it(`throws when the store is at ${name}`, async () => {
      await assert.rejects(
        run(() => ({ rows: [], position })),
        { code: 'KEY_STORE_UNAVAILABLE', message: /may have lost it/ },
      )
      await assert.rejects(run((t) => ({ rows: [row('a')], ...(t > 500 && { position }) })))
    })
  }
})
