import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { UsageRecorder, type UsageRecorderOptions } from '../../src/tenant-auth/usage-recorder.ts'

type Batch = Record<string, number>

/** A store that keeps the batches it is given, and answers as it is told. */
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

/** Lets time pass, and then every promise that has something to say. */
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

  it('notes a key once a minute, however often it is told, and however far the clock is set back', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store)
    for (const now of [100_000, 100_001, 130_000, 159_999, 160_000, 160_001]) {
      usage.note('a', now)
      await pass(10_000)
    }
    usage.note('a', 5)
    await pass(10_000)
    assert.deepEqual(store.batches, [{ a: 100_000 }, { a: 160_000 }, { a: 5 }])
  })

  it('writes nothing where nothing was noted', async () => {
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

  it('keeps no more keys than the bound, and goes on updating those it has', async () => {
    const store = recordingStore()
    const usage = new UsageRecorder(store, { max: 2 })
    for (const [i, id] of ['a', 'b', 'c', 'a'].entries()) usage.note(id, i * 60_000)
    await pass(10_000)
    assert.deepEqual(store.batches, [{ a: 180_000, b: 60_000 }])
  })

  it('keeps a failed batch for the next flush, without moving a time back', async () => {
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

  it('does not grow past the bound when a failed batch comes back', async () => {
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

  it('gives a flush up at its time limit, and asks a hung store no more until it has answered', async () => {
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

  it('writes what waits when it is closed, and takes no more', async () => {
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

  it('waits for a flush under way when it is closed, then writes the rest', async () => {
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

  it('closes within the time limit though the store hangs', async () => {
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

it('a recorder that has notes does not keep the process alive', () => {
  const usage = new UsageRecorder(recordingStore())
  usage.note('a', 1)
  assert.ok(!process.getActiveResourcesInfo().includes('Timeout'))
})

/** A recorder on a store whose first call ends as given, and every later one well. */
function failingOnce(first: () => Promise<void>, options: UsageRecorderOptions = {}) {
  const store = recordingStore((call) => (call === 1 ? first() : Promise.resolve()))
  const errors: unknown[] = []
  const onError = (error: unknown) => errors.push(error instanceof Error ? error.message : error)
  return { store, errors, usage: new UsageRecorder(store, { ...options, onError }) }
}
