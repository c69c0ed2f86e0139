import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { again, isAlreadyThere, isCollision } from '../../../src/stores/postgres/again.ts'

/** Work that fails as often as given, and the milliseconds before each further attempt. */
function failing(times: number) {
  const pauses: number[] = []
  let attempts = 0
  let failedAt = 0
  const work = async () => {
    if (attempts > 0) pauses.push(performance.now() - failedAt)
    if (++attempts > times) return 'done'
    failedAt = performance.now()
    throw new Error(`failure ${attempts}`)
  }
  return { work, pauses, attempts: () => attempts }
}

describe('work that fails', () => {
  it('is repeated until it succeeds, ten times at most', async (t) => {
    t.mock.method(Math, 'random', () => 0)
    const nine = failing(9)
    assert.equal(await again(() => true, nine.work), 'done')
    const ten = failing(10)
    await assert.rejects(
      again(() => true, ten.work),
      /failure 10/,
    )
    assert.equal(ten.attempts(), 10)
  })

  it('is not repeated after an error that lasts', async () => {
    const { work, attempts } = failing(1)
    await assert.rejects(
      again(() => false, work),
      /failure 1/,
    )
    assert.equal(attempts(), 1)
  })

  it('pauses before it is repeated, longer each time, so that collisions do not go on', async (t) => {
    t.mock.method(Math, 'random', () => 1)
    const { work, pauses } = failing(3)
    await again(() => true, work)
    for (const [index, pause] of pauses.entries()) {
      const expected = 20 * (index + 1)
      assert.ok(pause > expected - 2, `${pause} ms before attempt ${index + 2}, not ${expected}`)
    }
    assert.equal(pauses.length, 3)
  })
})

it('collisions pass, and so does what a migration finds to be there already', () => {
  const collisions = ['40001', '40P01']
  const alreadyThere = ['42P06', '42P07', '42723', '42710', '23505']
  for (const code of [...collisions, ...alreadyThere, '42P01', '55P03', undefined]) {
    const error = new Error('of the store', { cause: { code } })
    assert.equal(isCollision(error), collisions.includes(code ?? ''), code)
    assert.equal(isAlreadyThere(error), [...collisions, ...alreadyThere].includes(code ?? ''), code)
  }
  assert.equal(isCollision(new Error('without a cause')), false)
})
