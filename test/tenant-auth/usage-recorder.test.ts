import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { UsageRecorder, type UsageRecorderOptions } from '../../src/tenant-auth/usage-recorder.ts'

type Batch = Record<string, number>

/** A store that keeps the batches that it is given, and answers as `answer` does. */
function recordingStore(answer: (call: number) => Promise<void> = async () => {}) {
  const batches: Batch[] = []
  return {
    batches,
    recordUse(uses: ReadonlyMap<string, Date>) {
      batches.push(Object.fromEntries(Array.from(uses, ([id, date]) => [id, date.getTime()])))
      return answer(batches.length)
    },
  }
}

/** Lets time pass, and then promises settle. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms)
  await settle()
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

describe('UsageRecorder', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
  afterEach(() => mock.timers.reset())

  it('writes the notes of ten seconds as one batch', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    usage.note('a', 1)
    usage.note('b', 2)
    await pass(9_999)
    assert.deepEqual(store.batches, [])
    await pass(1)
    assert.deepEqual(store.batches, [{ a: 1, b: 2 }])
  })

  it('starts the next ten seconds with the first note after a batch', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    usage.note('a', 1)
    await pass(5_000)
    usage.note('b', 2)
    await pass(5_000)
    usage.note('c', 3)
    await pass(9_999)
    assert.deepEqual(store.batches, [{ a: 1, b: 2 }])
    await pass(1)
    assert.deepEqual(store.batches, [{ a: 1, b: 2 }, { c: 3 }])
  })

  it('records a key once a minute, however often it is noted, even if the clock is set back', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    for (const now of [100_000, 100_000, 100_001, 130_000, 159_999, 160_000, 160_001]) {
      usage.note('a', now)
      await pass(10_000)
    }
    usage.note('a', 5)
    await pass(10_000)
    assert.deepEqual(store.batches, [{ a: 100_000 }, { a: 160_000 }, { a: 5 }])
  })

  it('writes nothing if nothing was noted', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    await pass(60_000)
    await usage.close()
    assert.deepEqual(store.batches, [])
  })

  it('does not call the store from within note', () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store, { max: 1 })
    usage.note('a', 1)
    usage.note('b', 1)
    assert.deepEqual(store.batches, [])
  })

  it('keeps at most max keys, and still updates those that it has', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store, { max: 2 })
    for (const [i, id] of ['a', 'b', 'c', 'a'].entries()) usage.note(id, i * 60_000)
    await pass(10_000)
    assert.deepEqual(store.batches, [{ a: 180_000, b: 60_000 }])
  })

  it('keeps at most ten thousand keys by default', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    for (let i = 0; i <= 10_000; i++) usage.note(`key ${i}`, 1)
    await pass(10_000)
    assert.equal(Object.keys(store.batches[0] ?? {}).length, 10_000)
  })

  it('keeps a failed batch for the next flush, without overwriting later times', async () => {
    const { store, errors, usage } = failingOnce(async () => {
      throw new Error('down')
    })
    usage.note('a', 1)
    usage.note('b', 1)
    mock.timers.tick(10_000)
    usage.note('b', 60_001)
    await settle()
    assert.deepEqual(errors, ['down'])
    await pass(10_000)
    assert.deepEqual(store.batches, [
      { a: 1, b: 1 },
      { a: 1, b: 60_001 },
    ])
    await pass(60_000)
    assert.equal(store.batches.length, 2)
  })

  it('survives a store that throws before it returns a promise', async () => {
    const { store, errors, usage } = failingOnce(() => {
      throw new Error('broken')
    })
    usage.note('a', 1)
    await pass(10_000)
    assert.deepEqual(errors, ['broken'])
    await pass(10_000)
    assert.deepEqual(store.batches, [{ a: 1 }, { a: 1 }])
  })

  it('does not exceed max when a batch has failed', async () => {
    const { store, usage } = failingOnce(
      async () => {
        throw new Error('down')
      },
      { max: 2 },
    )
    usage.note('a', 1)
    usage.note('b', 1)
    mock.timers.tick(10_000)
    usage.note('c', 2)
    await settle()
    await pass(10_000)
    assert.deepEqual(store.batches[1], { c: 2, a: 1 })
  })

  it('gives up on a flush at its time limit, and spares a hanging store until it has answered', async () => {
    let release = () => {}
    const hung = new Promise<void>((resolve) => (release = resolve))
    const { store, errors, usage } = failingOnce(() => hung)
    usage.note('a', 1)
    await pass(10_000)
    await pass(5_000)
    assert.deepEqual(errors, ['no answer within 5000 ms'])
    usage.note('b', 2)
    await pass(60_000)
    assert.equal(store.batches.length, 1)

    release()
    await settle()
    await pass(10_000)
    assert.deepEqual(store.batches[1], { a: 1, b: 2 })
  })

  it('writes what is pending when it is closed, and accepts no more', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    usage.note('a', 1)
    await usage.close()
    assert.deepEqual(store.batches, [{ a: 1 }])
    usage.note('b', 2)
    await pass(60_000)
    await usage.close()
    assert.equal(store.batches.length, 1)
  })

  it('writes nothing more once it is closed, even if its last write failed', async () => {
    const store = recordingStore(() => Promise.reject(new Error('down')))
    const usage = new UsageRecorder(store)
    usage.note('a', 1)
    await usage.close()
    await pass(60_000)
    assert.equal(store.batches.length, 1)
  })

  it('waits for a flush in progress when it is closed, and then writes the rest', async () => {
    let release = () => {}
    const slow = new Promise<void>((resolve) => (release = resolve))
    const { store, usage } = failingOnce(() => slow)
    usage.note('a', 1)
    await pass(10_000)
    usage.note('b', 2)
    const closed = usage.close()
    await settle()
    assert.equal(store.batches.length, 1)
    release()
    await closed
    assert.deepEqual(store.batches, [{ a: 1 }, { b: 2 }])
  })

  it('closes within the time limit even if the store hangs', async () => {
    const { errors, usage } = failingOnce(() => new Promise<void>(() => {}))
    usage.note('a', 1)
    let closed = false
    const closing = usage.close().then(() => (closed = true))
    await settle()
    await pass(4_999)
    assert.equal(closed, false)
    await pass(1)
    await closing
    assert.deepEqual(errors, ['no answer within 5000 ms'])
  })
})

it('a UsageRecorder with pending notes does not keep the process alive', () => {
  const usage = new UsageRecorder(recordingStore())
  usage.note('a', 1)
  assert.ok(!process.getActiveResourcesInfo().includes('Timeout'))
})

/** A recorder with a store whose first call ends as given, and every later one successfully. */
function failingOnce(first: () => Promise<void>, options: UsageRecorderOptions = {}) {
  const store = recordingStore((call) => (call === 1 ? first() : Promise.resolve()))
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error instanceof Error ? error.message : error)
  return { store, errors, usage: new UsageRecorder(store, { ...options, onError }) }
}
