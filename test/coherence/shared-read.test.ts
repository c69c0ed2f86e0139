import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SharedRead } from '../../src/coherence/shared-read.ts'

/** Reads that end when the test says so. */
function setup() {
  const reads: { resolve: (answer: string) => void; reject: (error: Error) => void }[] = []
  const shared = new SharedRead(
    () => new Promise<string>((resolve, reject) => reads.push({ resolve, reject })),
  )
  return { reads, shared }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a shared read', () => {
  it('serves everyone who asks before it begins', async () => {
    const { reads, shared } = setup()
    const answers = [shared.read(1), shared.read(1), shared.read(1)]
    await turn()
    assert.equal(reads.length, 1)
    reads[0]?.resolve('a')
    assert.deepEqual(await Promise.all(answers), ['a', 'a', 'a'])
  })

  it('leaves those who ask after it has begun to the next one', async () => {
    const { reads, shared } = setup()
    const first = shared.read(1)
    await turn()
    const late = [shared.read(1), shared.read(1)]
    await turn()
    assert.equal(reads.length, 1)
    reads[0]?.resolve('old')
    assert.equal(await first, 'old')
    await turn()
    assert.equal(reads.length, 2)
    reads[1]?.resolve('new')
    assert.deepEqual(await Promise.all(late), ['new', 'new'])
  })

  it('uses the highest number that was asked for', async () => {
    const asked: number[] = []
    const shared = new SharedRead(async (number) => void asked.push(number))
    await Promise.all([shared.read(3), shared.read(7), shared.read(5)])
    await shared.read(2)
    assert.deepEqual(asked, [7, 2])
  })

  it('fails only for those who share it', async () => {
    const { reads, shared } = setup()
    const first = shared.read(1)
    await turn()
    const second = shared.read(1)
    reads[0]?.reject(new Error('no'))
    await assert.rejects(first, /no/)
    await turn()
    reads[1]?.resolve('yes')
    assert.equal(await second, 'yes')
  })
})
