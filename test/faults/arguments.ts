/**
 * The command line of the long runs. A word in place of a number would lead to a run without trials, which must not look
 * like one that passed. Arguments like that end the program with exit code 2.
 */
import { parseArgs } from 'node:util'

export type StoreKind = 'postgres' | 'redis'

export class BadArgument extends Error {}

/** Runs `main`, and ends the process with an exit code: 0 passed, 1 failed, 2 bad arguments. */
export async function runMain(main: () => Promise<boolean>): Promise<never> {
  try {
    process.exit((await main()) ? 0 : 1)
  } catch (error) {
    if (!isBadArgument(error)) throw error
    console.error(error.message)
    process.exit(2)
  }
}

/** @param names the options, each of which takes a value. `verbose`, which takes none, is added */
export function commandLine<Name extends string>(
  names: readonly Name[],
): { [_ in Name]?: string } & { verbose?: boolean } {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }] as const))
  const { values } = parseArgs({ options: { ...options, verbose: { type: 'boolean' } } })
  return values as { [_ in Name]?: string } & { verbose?: boolean }
}

/** @throws `BadArgument` for anything but a whole number of at least `least` */
export function whole(name: string, value: string | undefined, fallback: number, least = 1): number {
  return number(name, value, fallback, least, /^\d{1,9}$/, 'a whole number')
}

/** @throws `BadArgument` for anything but a decimal number above zero */
export function decimal(name: string, value: string | undefined, fallback: number): number {
  return number(name, value, fallback, Number.MIN_VALUE, /^\d{1,6}(\.\d+)?$/, 'a number above 0')
}

/** @throws `BadArgument` */
export function storeKind(value: string | undefined): StoreKind {
  if (value === undefined || value === 'postgres') return 'postgres'
  if (value === 'redis') return value
  throw new BadArgument(`--store takes postgres or redis, not "${value}"`)
}

function number(
  name: string,
  value: string | undefined,
  fallback: number,
  least: number,
  form: RegExp,
  what: string,
): number {
  if (value === undefined) return fallback
  if (form.test(value) && Number(value) >= least) return Number(value)
  const from = least >= 1 ? ` from ${least}` : ''
  throw new BadArgument(`--${name} takes ${what}${from}, not "${value}"`)
}

function isBadArgument(error: unknown): error is Error {
  if (error instanceof BadArgument) return true
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_')
}
