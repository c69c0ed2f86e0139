/** Runs single test files on the compiled source, as it is or with one file changed. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join, normalize, resolve } from 'node:path'
import type { TestRun } from '../test/faults/removal-verdict.ts'

/** A source file, and its content for a run. */
export interface Change {
  file: string
  source: string
}

type Edit = (path: string, source: string) => string
interface Build {
  (
    folder: string,
    options?: { files?: string[]; edit?: Edit },
  ): Promise<{ inputs: Record<string, { imports: { path: string }[] }> }>
}
const { buildTests } = (await import(new URL('build-tests.mjs', import.meta.url).href)) as {
  buildTests: Build
}

const TESTING = [
  '--import',
  './test/harness/end-with-last-test.mjs',
  '--test',
  '--test-timeout=600000',
  '--test-reporter=./test/faults/failure-reporter.mjs',
]

interface Testing {
  until?: RegExp
  change?: Change | undefined
  env?: NodeJS.ProcessEnv
}

interface Running {
  options?: readonly string[]
  args?: readonly string[]
  /** Milliseconds. */
  limit: number
  until?: RegExp | undefined
  env?: NodeJS.ProcessEnv | undefined
}

/** One folder of compiled files, for one run at a time. */
export class Bench {
  readonly #folder: string
  /** The files that each file imports. */
  readonly #imports: ReadonlyMap<string, string[]>

  /** @param edit what to compile in place of a source */
  static async in(folder: string, edit?: Edit): Promise<Bench> {
    const { inputs } = await buildTests(folder, edit && { edit })
    return new Bench(
      folder,
      new Map(
        Object.entries(inputs).map(([file, { imports }]) => [
          file,
          imports.map(({ path }) => normalize(join(file, '..', path)).replace(/\.js$/, '.ts')),
        ]),
      ),
    )
  }

  private constructor(folder: string, imports: ReadonlyMap<string, string[]>) {
    this.#folder = folder
    this.#imports = imports
  }

  /** The test files that import a source file, directly or not, the nearest first. */
  testsWith(source: string, tests: readonly string[]): string[] {
    const steps = new Map([[source, 0]])
    for (const [file, step] of steps) {
      for (const [by, imports] of this.#imports) {
        if (imports.includes(file) && !steps.has(by)) steps.set(by, step + 1)
      }
    }
    const stepsTo = (test: string) => steps.get(test) ?? Infinity
    return tests.filter((test) => steps.has(test)).sort((a, b) => stepsTo(a) - stepsTo(b) || (a < b ? -1 : 1))
  }

  /**
   * Runs one test file.
   *
   * @param limit milliseconds, after which the run is killed
   * @param options `until`: the run is also killed as soon as its output matches this; `env`: added to the environment
   */
  test(file: string, limit: number, { until, change, env }: Testing = {}): Promise<TestRun> {
    return this.#changed(change, () => this.#run(file, { options: TESTING, limit, until, env }))
  }

  /** Runs another program. */
  run(file: string, args: readonly string[], limit: number, change?: Change): Promise<TestRun> {
    return this.#changed(change, () => this.#run(file, { args, limit }))
  }

  async #changed<T>(change: Change | undefined, work: () => Promise<T>): Promise<T> {
    if (change === undefined) return work()
    const { file, source } = change
    await buildTests(this.#folder, { files: [file], edit: () => source })
    try {
      return await work()
    } finally {
      await buildTests(this.#folder, { files: [file] })
    }
  }

  #run(file: string, { options = [], args = [], limit, until, env }: Running): Promise<TestRun> {
    const compiled = join(this.#folder, file.replace(/\.ts$/, '.js'))
    return new Promise((done) => {
      const child = spawn(process.execPath, [...options, compiled, ...args], {
        // Its own process group, so that `end` kills all of it.
        detached: true,
        env: { ...process.env, ...env, TEST_BUILD: resolve(this.#folder) },
      })
      const end = () => {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
      }
      let late = false
      const timer = setTimeout(() => {
        late = true
        end()
      }, limit)
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text
          if (until?.test(output)) end()
        })
      }
      child.once('close', (code) => {
        clearTimeout(timer)
        done({ ok: code === 0, output, late })
      })
    })
  }
}

/** Does the work for each item, on `count` benches at once, and removes them afterwards. */
export async function onBenches<T>(
  items: readonly T[],
  count: number,
  work: (item: T, bench: Bench) => Promise<void>,
): Promise<void> {
  const left = items.entries()
  await inOwnFolder(async (folder) => {
    const workOff = async (name: string) => {
      const bench = await Bench.in(join(folder, name))
      for (const [, item] of left) await work(item, bench)
    }
    await Promise.all(Array.from({ length: count }, (_, index) => workOff(String(index))))
  })
}

/** Gives the work a folder for compiled files, and removes it afterwards. */
export async function inOwnFolder(work: (folder: string) => Promise<void>): Promise<void> {
  mkdirSync('.tests', { recursive: true })
  const folder = mkdtempSync('.tests/bench-')
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith(ending))
    .sort()
}
