import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { EQUIVALENT } from '../../scripts/mutants/equivalent.ts'
import { mutantsOf, mutated, sample, testsFor } from '../../scripts/mutants/mutate.ts'

/** A source, and its mutants in order. */
const CHANGES: [source: string, ...mutants: string[]][] = [
  ['if (a) b', 'if (!(a)) b', 'if (a) ;'],
  ['x = a ? b : c', ';', 'x = !(a) ? b : c'],
  ['while (a) {}', 'while (!(a)) {}'],
  ['const x = a < b', 'const x = (a) <= (b)'],
  ['const x = a === b && c', 'const x = (a === b) || (c)', 'const x = (a) !== (b) && c'],
  ['const x = 0', 'const x = 1'],
  ['const x = 50', 'const x = 50000'],
  ['const x = true as boolean', 'const x = false as boolean'],
  ['throw a', ';'],
  ['class A extends B { constructor() { super() } }'],
  ['type A = 1 | true; let a: { b: 2 }'],
  ['const x = a + b'],
]

describe('mutants of a source file', () => {
  for (const [source, ...expected] of CHANGES) {
    it(`are ${expected.length} for \`${source}\``, () => {
      const mutants = mutantsOf('a.ts', source).map((mutant) => mutated(source, mutant))
      assert.deepEqual(mutants, expected)
    })
  }

  it('give their line and their change', () => {
    const [mutant] = mutantsOf('src/a.ts', '\n  if (a >\n b) {}')
    assert.deepEqual([mutant?.line, mutant?.change], [2, 'a > b → !(a > b)'])
  })

  it('are sampled by the seed, each at most once, whatever others come or go', () => {
    const items = Array.from({ length: 50 }, (_, index) => index)
    const [one, two] = [sample(items, 10, 1, String), sample(items, 10, 2, String)]
    assert.deepEqual(sample(items, 10, 1, String), one)
    assert.notDeepEqual(two, one)
    assert.deepEqual(new Set(sample(items, 99, 3, String)), new Set(items))
    const fewer = items.filter((item) => item !== two.find((other) => !one.includes(other)))
    assert.deepEqual(sample(fewer, 10, 1, String), one)
  })

  it('are tried on the mirroring tests first, and then on the others that load the file', () => {
    const loading = ['test/b/c.test.ts', 'test/a/z.test.ts', 'test/a/b.test.ts']
    assert.deepEqual(testsFor('src/a/b.ts', loading), [
      'test/a/b.test.ts',
      'test/a/z.test.ts',
      'test/b/c.test.ts',
    ])
  })

  it('that are left out as equivalent exist and have a reason', () => {
    assert.ok(EQUIVALENT.length > 0)
    for (const { file, in: line, change, because } of EQUIVALENT) {
      const mutants = mutantsOf(file, readFileSync(file, 'utf8'))
      assert.ok(
        mutants.some((mutant) => mutant.in === line && mutant.change === change),
        `${file}: ${line}`,
      )
      assert.ok(because.length > 10, `${file}: ${change}`)
    }
  })
})
