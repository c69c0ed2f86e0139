/**
 * Which changes of the source a test file could notice at all: those at places that it reaches. Most tests that load a
 * file reach few of its places, so trying a mutant that no test notices is ten times as fast as running all of them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Bench } from '../bench.ts'
import { type Mutant, mutantsOf } from './mutate.ts'

/** Milliseconds. Longer than any test file takes. */
const LIMIT = 300_000

/** Appends each place to a file the first time that a process reaches it, as a process that is killed cannot do at its end. */
const PROBE = `
import { appendFileSync as append__ } from 'node:fs'
function reached__(place) {
  const places = (globalThis.reached__ ??= new Set())
  if (places.size === places.add(place).size) return
  append__(process.env.REACHED, place + '\\n')
}`

export const placeOf = ({ file, start, end }: Mutant) => `${file}:${start}-${end}`

/** The source, saying which places of its mutants are reached. */
export function probed(file: string, source: string): string {
  const mutants = mutantsOf(file, source)
  // Where a statement and its expression are one place, the statement comes first.
  const places = new Map(mutants.toReversed().map((mutant) => [placeOf(mutant), mutant]))
  const inserts = [...places].flatMap(([place, { start, end, replacement, isName }]) => {
    const call = `reached__(${JSON.stringify(place)})`
    const [open, close] = isName ? ['[(', ')]'] : ['(', ')']
    const [before, after] = replacement === ';' ? [`{${call};`, '}'] : [`${open}${call},`, close]
    // At one position, the inner places end before the outer ones, and all ends come before what begins there.
    return [
      { at: start, rank: source.length - end, text: before },
      { at: end, rank: -start - 1, text: after },
    ]
  })
  let text = ''
  let done = 0
  for (const insert of inserts.sort((a, b) => a.at - b.at || a.rank - b.rank)) {
    text += source.slice(done, insert.at) + insert.text
    done = insert.at
  }
  return text + source.slice(done) + PROBE
}

export class Probes {
  readonly #folder: string
  readonly #bench: Bench
  readonly #placesOf = new Map<string, Promise<ReadonlySet<string>>>()

  static async in(folder: string, files: readonly string[]): Promise<Probes> {
    const edit = (path: string, source: string) => {
      const file = relative('.', path)
      return files.includes(file) ? probed(file, source) : source
    }
    return new Probes(folder, await Bench.in(folder, edit))
  }

  private constructor(folder: string, bench: Bench) {
    this.#folder = folder
    this.#bench = bench
  }

  /** Whether the test passes where nothing is changed, and reaches the place of the mutant. */
  async mayNotice(test: string, mutant: Mutant): Promise<boolean> {
    if (!this.#placesOf.has(test)) this.#placesOf.set(test, this.#reachedBy(test))
    return (await this.#placesOf.get(test))?.has(placeOf(mutant)) === true
  }

  async #reachedBy(test: string): Promise<ReadonlySet<string>> {
    const log = join(this.#folder, `${test.replaceAll('/', '-')}.reached`)
    const env = { REACHED: join(process.cwd(), log) }
    // Twice, because a test may fail once on a busy machine.
    for (let tries = 1; tries <= 2; tries++) {
      writeFileSync(log, '')
      const { ok } = await this.#bench.test(test, LIMIT, { env })
      if (ok) return new Set(readFileSync(log, 'utf8').split('\n'))
    }
    console.log(`${test} is left out, because it does not pass where nothing is changed`)
    return new Set()
  }
}
