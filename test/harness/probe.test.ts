import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { mutantsOf } from '../../scripts/mutants/mutate.ts'
import { placeOf, probed } from '../../scripts/mutants/probe.ts'

describe('a source with probes', () => {
  it('does what it did, and writes down each place with mutants the first time it is reached', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'probe-'))
    t.after(() => rmSync(folder, { recursive: true }))
    process.env.REACHED = join(folder, 'reached')
    const source = `
      export function f(a, b) {
        if (a < b && b === 5) return 7
        a && b++
        throw { 0: a ? b : true }
      }`
    const code = encodeURIComponent(probed('a.ts', source))
    const { f } = (await import(`data:text/javascript,${code}`)) as { f: (a: number, b: number) => unknown }
    for (const time of ['once', 'again'])
      assert.throws(
        () => f(1, 2),
        (thrown) => (thrown as number[])[0] === 3,
        time,
      )

    const reached = readFileSync(process.env.REACHED, 'utf8').trim().split('\n')
    assert.deepEqual(reached, [...new Set(reached)])
    const changes = mutantsOf('a.ts', source)
      .filter((mutant) => reached.includes(placeOf(mutant)))
      .map(({ change }) => change.slice(0, change.indexOf(' →')))
    assert.deepEqual(changes, [
      'a < b && b === 5',
      'a < b && b === 5',
      'a < b',
      'b === 5',
      '5',
      'a && b++',
      'a && b++',
      'throw { 0: a ? b : true }',
      '0',
      'a',
    ])
  })
})
