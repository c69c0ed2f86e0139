/** Runs tests on the source with one thing changed. */
import { spawn } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Mutant, mutated, testsFor } from './mutate.ts'

/** Those that run the package as a process or take minutes notice what they notice in other tests' place. */
const LEFT_OUT = /^test\/(dashboard|examples|faults|package|readme|bench|servers|harness|cli)/
/** Milliseconds that tests may take: a few times what they take on the source as it is, and at least this. */
const PATIENCE = 20_000
/** How many times. */
const SLOWER = 4

interface Build {
  (files: string[], folder: string, options: object): Promise<{ outputs: Record<string, { inputs: object }> }>
}
const { buildTests } = (await import(new URL('../build-tests.mjs', import.meta.url).href)) as {
  buildTests: Build
}

export class Bench {
  readonly #folder: string
  /** By source file, the tests that have it in them. */
  readonly #loading = new Map<string, string[]>()
  /** By tests, the milliseconds that they take where nothing is changed. */
  readonly #times = new Map<string, Promise<number>>()
  #runs = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  async prepare(): Promise<void> {
    const tests = filesIn('test', '.test.ts').filter((file) => !LEFT_OUT.test(file))
    const { outputs } = await buildTests(tests, join(this.#folder, 'whole'), { programs: [] })
    for (const [output, { inputs }] of Object.entries(outputs)) {
      const test = /(test\/.*\.test)\.js$/.exec(output)?.[1]
      if (test === undefined) continue
      for (const input of Object.keys(inputs)) {
        this.#loading.set(input, [...(this.#loading.get(input) ?? []), `${test}.ts`])
      }
    }
  }

  async notices(mutant: Mutant): Promise<boolean> {
    for (const tests of testsFor(mutant.file, this.#loading.get(mutant.file) ?? [])) {
      const known = tests.join()
      if (!this.#times.has(known)) this.#times.set(known, this.#untouched(tests))
      const time = (await this.#times.get(known)) ?? 0
      if (!(await this.#run(tests, PATIENCE + SLOWER * time, mutant)).passes) return true
    }
    return false
  }

  async #untouched(tests: string[]): Promise<number> {
    let { passes, ms, output } = await this.#run(tests, 600_000)
    // Once more, because a busy machine may fail a test once: what it fails twice, it would fail of every mutant.
    if (!passes) ({ passes, ms, output } = await this.#run(tests, 600_000))
    if (!passes) throw new Error(`${tests.join(', ')} must pass where nothing is changed:\n${output}`)
    return ms
  }

  async #run(tests: string[], limit: number, mutant?: Mutant) {
    const folder = resolve(this.#folder, String(++this.#runs))
    const changed = mutant && resolve(mutant.file)
    const edit = (path: string, source: string) =>
      mutant !== undefined && path === changed ? mutated(source, mutant) : source
    await buildTests(tests, folder, { edit, programs: ['test/testing/declare-broken-stores.ts'] })
    const files = tests.map((file) => join(folder, file.replace(/\.ts$/, '.js')))
    const start = performance.now()
    const result = await runTests(files, limit, folder)
    rmSync(folder, { recursive: true })
    return { ...result, ms: performance.now() - start }
  }
}

/** Ends the run with the first test that fails. */
function runTests(
  files: string[],
  limit: number,
  built: string,
): Promise<{ passes: boolean; output: string }> {
  const options = ['--import', './test/harness/end-with-last-test.mjs', '--test', '--test-timeout=60000']
  const reporter = '--test-reporter=./test/faults/failure-reporter.mjs'
  return new Promise((done) => {
    const env = { ...process.env, TEST_BUILD: built }
    const child = spawn(process.execPath, [...options, reporter, ...files], { detached: true, env })
    const end = () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    }
    const timer = setTimeout(end, limit)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        if (/^\{"fail"/m.test(output)) end()
      })
    }
    child.once('close', (code) => {
      clearTimeout(timer)
      done({ passes: code === 0 && output.includes('{"pass"'), output })
    })
  })
}

export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith(ending))
    .sort()
}
