/**
 * Judges a run of the tests on code with one rule removed. Only a failed assertion counts as having caught the removal:
 * code that does not load, or that hangs, would fail any test.
 */

export interface TestRun {
  /** What `failure-reporter.mjs` has printed. */
  output: string
  ok: boolean
  /** Whether it was ended because it took too long. */
  late: boolean
}

export interface Verdict {
  verdict: 'caught' | 'NOT CAUGHT' | 'broken' | 'hung'
  /** Names of the tests in which an assertion failed. */
  tests: string[]
  passed: number
}

/** A line of the reporter. */
interface Line {
  pass?: string
  fail?: string
  how?: string
  assertion?: boolean
  why?: string
}

export function verdictOf({ output, ok, late }: TestRun): Verdict {
  const lines = output.split('\n').flatMap(parsed)
  const passed = lines.filter(({ pass }) => pass !== undefined).length
  const tests = lines.flatMap(({ fail, assertion }) => (fail !== undefined && assertion ? [fail] : []))
  // A file that does not load is reported as a test with the name of the file.
  const loads = lines.every(({ fail }) => !/\.test\.m?[jt]s$/.test(fail ?? ''))
  const verdict = () => {
    if (!loads) return 'broken'
    if (tests.length > 0) return 'caught'
    if (late || lines.some(({ how }) => how === 'testTimeoutFailure')) return 'hung'
    return ok && passed > 0 ? 'NOT CAUGHT' : 'broken'
  }
  return { verdict: verdict(), tests, passed }
}

function parsed(line: string): Line[] {
  if (!line.startsWith('{')) return []
  try {
    return [JSON.parse(line) as Line]
  } catch {
    return [] // A test printed this line.
  }
}
