import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { before, describe, it } from 'node:test'
import { program } from '../harness/program.ts'
import { COHERENCE_FAULTS } from './coherence-faults.ts'
import { STORE_FAULTS } from './store-faults.ts'

/** Maps each broken store to the names of the tests that failed for it. */
let failures: Map<string, string[]>

describe('the contract of stores', () => {
  before(async () => {
    failures = failuresOf(await runSuites())
  })

  for (const [name, { seenBy }] of Object.entries({ ...STORE_FAULTS, ...COHERENCE_FAULTS })) {
    it(`detects a store that ${name}`, () => {
      const failed = failures.get(name) ?? []
      assert.ok(
        failed.some((test) => test.includes(seenBy)),
        `"${seenBy}" must fail, but only these did: ${JSON.stringify(failed)}`,
      )
    })
  }

  for (const name of ['is correct', 'returns whole rows']) {
    it(`accepts a store that ${name}`, () => assert.deepEqual(failures.get(name), []))
  }

  it('detects a store that cannot be opened, or is not of the kind that it claims', () => {
    assert.ok(failures.get('cannot be opened')?.length)
    assert.ok(failures.get('is of another kind')?.includes('is of kind fleet'))
  })
})

function runSuites(): Promise<string> {
  // A child of a test run would report to its parent in the runner's own format.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = ['--test-reporter', 'tap', ...program('test/testing/declare-broken-stores.ts')]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      if (error?.code === 1) resolve(stdout)
      else reject(new Error('the suites must run, and fail', { cause: error }))
    })
  })
}

/** Parses TAP, in which the line of a suite comes after those of its tests. */
function failuresOf(tap: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  let failed: string[] = []
  for (const line of tap.split('\n')) {
    const [, indent, not, title = ''] = /^( *)(not )?ok \d+ - (.*)$/.exec(line) ?? []
    const name = title.replaceAll('\\#', '#').replaceAll('\\\\', '\\')
    if (indent === '') {
      const store = name.replace(/ keeps the contract of .*$/, '')
      found.set(store, [...(found.get(store) ?? []), ...failed])
      failed = []
    } else if (not) failed.push(name)
  }
  return found
}
