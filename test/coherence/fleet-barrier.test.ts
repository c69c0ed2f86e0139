import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  awaitFleet,
  type AwaitFleetOptions,
  type FleetClock,
  type FleetMember,
  patience,
  POLL_LIMIT,
  systemClock,
} from '../../src/coherence/fleet-barrier.ts'
import { FleetWatch } from '../../src/coherence/fleet-watch.ts'
import { CLOCK_TOLERANCE } from '../../src/stores/coherent-key-store.ts'

/** Time that passes only in sleeps: each ends when nothing else is left to do, the earliest first. */
class FakeClock implements FleetClock {
  time = 1_000
  readonly #sleeps = new Set<{ until: number; wake: () => void }>()

  now() {
    return this.time
  }

  async sleep(ms: number, signal?: AbortSignal) {
    await new Promise<void>((resolve, reject) => {
      const cut = () => {
        this.#sleeps.delete(entry)
        reject(signal?.reason as Error)
      }
      const wake = () => {
        signal?.removeEventListener('abort', cut)
        resolve()
      }
      const entry = { until: this.time + ms, wake }
      this.#sleeps.add(entry)
      signal?.addEventListener('abort', cut)
    })
  }

  /** Runs until `work` is over. */
  async drive<T>(work: Promise<T>): Promise<T> {
    const state = { over: false }
    const settled = work.finally(() => (state.over = true))
    settled.catch(() => {})
    while (!state.over) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = [...this.#sleeps].sort((a, b) => a.until - b.until)[0]
      if (state.over || next === undefined) continue
      this.#sleeps.delete(next)
      this.time = Math.max(this.time, next.until)
      next.wake()
    }
    return settled
  }

  get sleeping() {
    return this.#sleeps.size
  }
}

const LEASE = 2_000

function member(instance: string, fields: Partial<FleetMember> = {}): FleetMember {
  return { instance, acknowledged: 0, holds: LEASE, beats: 1, ...fields }
}

/** Runs a barrier for epoch 5 on a fake clock. `rows` is asked at each read, with the milliseconds since the start. */
async function run(
  rows: (elapsed: number, signal: AbortSignal) => FleetMember[] | Promise<FleetMember[]>,
  options: Partial<AwaitFleetOptions> = {},
) {
  const clock = new FakeClock()
  const reaped: FleetMember[] = []
  const reads: number[] = []
  const confirmation = await clock.drive(
    awaitFleet({
      epoch: 5,
      readMembers: async (signal) => {
        reads.push(clock.time - 1_000)
        return rows(clock.time - 1_000, signal)
      },
      reap: async (members) => {
        reaped.push(...members)
      },
      giveUpAfter: 1_000,
      clock,
      ...options,
    }),
  )
  assert.equal(clock.sleeping, 0, 'no timer is left')
  return { confirmation, reaped: reaped.map(({ instance, beats }) => ({ instance, beats })), reads }
}

const broken = () => Promise.reject(new Error('connection refused'))

describe('the barrier of a fleet', () => {
  it('returns at once where no instance is registered', async () => {
    const { confirmation, reads } = await run(() => [])
    assert.deepEqual(confirmation, { epoch: 5, confirmedBy: 'all', instances: 0, waitedMs: 0 })
    assert.equal(reads.length, 1)
  })

  it('returns as soon as every instance has acknowledged the epoch or a later one', async () => {
    const { confirmation, reaped } = await run((elapsed) => [
      member('a', { acknowledged: elapsed > 20 ? 5 : 4 }),
      member('b', { acknowledged: 6 }),
    ])
    const { waitedMs, ...rest } = confirmation
    assert.deepEqual(rest, { epoch: 5, confirmedBy: 'all', instances: 2 })
    assert.ok(waitedMs > 20 && waitedMs < 50, `${waitedMs}`)
    assert.deepEqual(reaped, [])
  })

  it('does not take an acknowledgement of less for one', async () => {
    const { confirmation } = await run(() => [member('a', { acknowledged: 4 })])
    assert.equal(confirmation.confirmedBy, 'lease')
  })

  it('waits for an instance that has registered and acknowledged nothing', async () => {
    const { confirmation } = await run((elapsed) => [member('a', { acknowledged: elapsed > 100 ? 5 : -1 })])
    assert.equal(confirmation.confirmedBy, 'all')
    assert.ok(confirmation.waitedMs > 100)
  })

  it('does not wait for an instance that has left', async () => {
    const { confirmation } = await run((elapsed) => (elapsed > 100 ? [] : [member('a')]))
    assert.equal(confirmation.confirmedBy, 'all')
    assert.equal(confirmation.instances, 1)
  })

  it('does not wait for an instance that registered after the first read: it asks for the epoch later', async () => {
    const { confirmation } = await run((elapsed) =>
      elapsed === 0 ? [member('a')] : [member('a', { acknowledged: 5 }), member('late')],
    )
    assert.equal(confirmation.confirmedBy, 'all')
    assert.equal(confirmation.instances, 1)
  })

  it('does not wait for an instance that was gone for a moment and came back', async () => {
    const { confirmation } = await run((elapsed) => [
      ...(elapsed === 0 || elapsed > 3 ? [member('a')] : []),
      member('b', { acknowledged: elapsed > 30 ? 5 : 0 }),
    ])
    assert.equal(confirmation.confirmedBy, 'all')
  })

  it('waits for the longest time that a silent instance may serve, with tolerance, and reaps it', async () => {
    const { confirmation, reaped } = await run((elapsed) => [
      member('silent', { holds: 3_000, beats: 7 }),
      member('fine', { holds: 9_000, acknowledged: elapsed > 30 ? 5 : 0, beats: elapsed }),
    ])
    assert.equal(confirmation.confirmedBy, 'lease')
    assert.equal(confirmation.instances, 2)
    // What it waits for is fixed by those that were pending at first.
    assert.equal(confirmation.waitedMs, patience(9_000))
    assert.equal(patience(9_000), 9_090 + CLOCK_TOLERANCE)
    assert.deepEqual(reaped, [{ instance: 'silent', beats: 7 }])
  })

  it('does not reap an instance that beats without acknowledging', async () => {
    const { confirmation, reaped } = await run((elapsed) => [
      member('alive', { beats: elapsed > 1_500 ? 8 : 7 }),
      member('dead'),
    ])
    assert.equal(confirmation.confirmedBy, 'lease')
    assert.deepEqual(reaped, [{ instance: 'dead', beats: 1 }])
  })

  it('answers although reaping fails or hangs', async () => {
    for (const reap of [broken, () => new Promise<never>(() => {})]) {
      const { confirmation } = await run(() => [member('a')], { reap })
      assert.equal(confirmation.confirmedBy, 'lease')
    }
  })

  it('polls quickly at first and then every 25 ms', async () => {
    const { reads } = await run(() => [member('a')])
    const pauses = reads.map((time, i) => time - (reads[i - 1] ?? 0)).slice(1)
    assert.equal(pauses[0], 2)
    assert.ok(pauses.slice(0, 4).every((pause) => pause < 10))
    assert.ok(pauses.every((pause) => pause <= 25))
    assert.equal(pauses[20], 25)
  })

  it('goes on after reads that fail', async () => {
    const { confirmation } = await run((elapsed) =>
      elapsed < 100 ? broken() : [member('a', { acknowledged: elapsed > 200 ? 5 : 0 })],
    )
    assert.equal(confirmation.confirmedBy, 'all')
    assert.equal(confirmation.instances, 1)
  })

  it('gives up a read that hangs, aborts it, and tries again', async () => {
    const signals: AbortSignal[] = []
    const { confirmation } = await run((elapsed, signal) => {
      signals.push(signal)
      return elapsed === 0 ? new Promise(() => {}) : [member('a', { acknowledged: 5 })]
    })
    assert.equal(confirmation.confirmedBy, 'all')
    assert.ok(confirmation.waitedMs >= POLL_LIMIT && confirmation.waitedMs < POLL_LIMIT + 50)
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false],
    )
  })

  it('counts from the start where the first reads fail, and then reaps nobody it has not watched for long enough', async () => {
    const { confirmation, reaped } = await run((elapsed) => (elapsed < 100 ? broken() : [member('a')]))
    assert.equal(confirmation.confirmedBy, 'lease')
    assert.equal(confirmation.waitedMs, patience(LEASE))
    assert.deepEqual(reaped, [])
  })

  it('waits the whole time by what the write knew, where no read succeeds', async () => {
    const { confirmation, reaped } = await run(broken, { reach: { holds: 5_000, instances: 3 } })
    assert.deepEqual(confirmation, {
      epoch: 5,
      confirmedBy: 'lease',
      instances: 3,
      waitedMs: patience(5_000),
    })
    assert.deepEqual(reaped, [])
  })

  it('is not kept longer than that by reads that hang', async () => {
    const hangs = () => new Promise<never>(() => {})
    const { confirmation } = await run(hangs, { reach: { holds: 3_000, instances: 1 } })
    assert.ok(Math.abs(confirmation.waitedMs - patience(3_000)) <= 1, `${confirmation.waitedMs}`)
  })

  it('tries for a second at the least, however little there is to wait for', async () => {
    const reach = { holds: 0, instances: 0 }
    const slow = await run((elapsed) => (elapsed < 800 ? broken() : []), { reach })
    assert.equal(slow.confirmation.confirmedBy, 'all')
    const { confirmation } = await run(broken, { reach })
    assert.deepEqual([confirmation.confirmedBy, confirmation.waitedMs], ['lease', 1_000])
  })

  it('throws, and claims nothing, where nothing says how long to wait', async () => {
    await assert.rejects(run(broken), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'KEY_STORE_UNAVAILABLE')
      assert.equal((error.cause as Error).message, 'connection refused')
      return true
    })
  })

  it('runs on the monotonic clock of the process unless told otherwise', async () => {
    let reads = 0
    const confirmation = await awaitFleet({
      epoch: 5,
      readMembers: async () => [member('a', { acknowledged: ++reads > 2 ? 5 : 0 })],
      reap: broken,
      giveUpAfter: 1_000,
    })
    assert.equal(confirmation.confirmedBy, 'all')
    assert.equal(reads, 3)
    await systemClock.sleep(1)
  })
})

describe('the watch over instances with other settings', () => {
  const setup = (rows: (time: number) => FleetMember[]) => {
    const clock = new FakeClock()
    const gone = new Set<string>()
    const options = {
      readMembers: async () => rows(clock.time - 1_000).filter(({ instance }) => !gone.has(instance)),
      reap: async (members: readonly FleetMember[]) => {
        for (const { instance } of members) gone.add(instance)
      },
      signal: new AbortController().signal,
    }
    return { clock, gone, options, watch: new FleetWatch(clock) }
  }

  it('is over at once where nobody is registered', async () => {
    const { clock, options, watch } = setup(() => [])
    assert.deepEqual(await clock.drive(watch.untilSettled(options)), [])
    assert.equal(clock.time, 1_000)
  })

  it('names the instances as soon as one of them beats', async () => {
    const { clock, options, watch } = setup((time) => [
      member('dead'),
      member('a', { beats: time > 400 ? 2 : 1 }),
    ])
    const left = await clock.drive(watch.untilSettled(options))
    assert.deepEqual(
      left.map(({ instance }) => instance),
      ['dead', 'a'],
    )
    assert.ok(clock.time < 1_500)
  })

  it('reaps those that are silent for as long as they may serve', async () => {
    const { clock, gone, options, watch } = setup(() => [member('a'), member('b', { holds: 2_500 })])
    assert.deepEqual(await clock.drive(watch.untilSettled(options)), [])
    assert.deepEqual([...gone], ['a', 'b'])
    const waited = clock.time - 1_000
    assert.ok(waited >= patience(2_500) && waited < patience(2_500) + 100, `${waited}`)
  })

  it('says what it waits for where one attempt is too short, and goes on from there in the next', async () => {
    const { clock, options, watch } = setup(() => [member('a', { holds: 4_000 })])
    await assert.rejects(clock.drive(watch.untilSettled(options)), {
      code: 'KEY_STORE_UNAVAILABLE',
      message: /^Instances with another lease or heartbeat are registered \(1\): waiting/,
    })
    assert.ok(clock.time <= 1_000 + 3_100, 'within the time limit of a connection')
    assert.deepEqual(await clock.drive(watch.untilSettled(options)), [])
    assert.ok(clock.time < 1_000 + patience(4_000) + 100)
  })

  it('remembers over attempts that are cut short', async () => {
    const { clock, options, watch } = setup(() => [member('a')])
    const attempts = []
    for (let i = 0; i < 4; i++) {
      const attempt = new AbortController()
      const work = watch.untilSettled({ ...options, signal: attempt.signal })
      const cut = clock.sleep(800).then(() => attempt.abort(new Error('cut short')))
      attempts.push((await clock.drive(Promise.allSettled([work, cut])))[0].status)
    }
    assert.deepEqual(attempts, ['rejected', 'rejected', 'fulfilled', 'fulfilled'])
  })
})
