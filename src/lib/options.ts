/**
 * Options from one specification: names, defaults, checks and types in one place.
 *
 * ```ts
 * const SPECIFICATION = {
 *   store: required('a store', isStore),
 *   timeout: whole({ fallback: 1_000 }),
 *   cache: optional(group("plugin's cache", { max: whole({ fallback: 10_000 }) })),
 * } satisfies SpecificationOf<PluginOptions>
 *
 * const { store, timeout, cache } = readOptions('plugin', SPECIFICATION, given)
 * ```
 *
 * Values are never echoed: a misplaced one may be a secret.
 */
import { badOption, TenantAuthError } from '../http/errors.ts'
import { nearestName } from './nearest-name.ts'

/**
 * Reads one option.
 *
 * @param value as it was given, `undefined` where it was not
 * @param name for the message, as in `cache.max`
 * @returns the value that the program goes by
 * @throws `TENANT_AUTH_BAD_OPTION` that says "{name} must be {what it takes}"
 */
export type Option<T> = (value: unknown, name: string) => T

export type Specification = Readonly<Record<string, Option<unknown>>>

/** For `satisfies`: an option for each name of `Options`, and no other one. */
export type SpecificationOf<Options> = { readonly [Name in keyof Options]-?: Option<unknown> }

/** What comes of options that were read by a specification. */
export type Checked<S extends Specification> = { [Name in keyof S]: ReturnType<S[Name]> }

/** Of Fastify's `register`, which hands them on to the plugin. */
export const OF_REGISTER: readonly string[] = ['prefix', 'logLevel', 'logSerializers']

export interface ReadSettings {
  /** Before each name in messages, as in `KeyManager: `. Default: nothing. */
  prefix?: string
  /** Names that are let through and not told of. Default: none. */
  besides?: readonly string[]
}

/**
 * Reads options by their specification. One that is misspelt and passed over is a check that is never made, so unknown
 * names are refused, and the message says which was meant.
 *
 * @param owner what takes the options, for the message
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function readOptions<S extends Specification>(
  owner: string,
  specification: S,
  given: unknown,
  { prefix = '', besides = [] }: ReadSettings = {},
): Checked<S> {
  if (!isObject(given)) throw badOption(`${prefix}the options of ${owner}`, 'an object')
  const known = Object.keys(specification)
  const unknown = Object.keys(given).find((name) => !known.includes(name) && !besides.includes(name))
  if (unknown !== undefined) throw unknownOption(owner, unknown, known)
  return Object.fromEntries(
    Object.entries(specification).map(([name, read]) => [name, read(given[name], prefix + name)]),
  ) as Checked<S>
}

/** Must be given. */
export function required<T>(takes: string, is: (value: unknown) => boolean): Option<T> {
  return (value, name) => {
    if (!is(value)) throw badOption(name, takes)
    return value as T
  }
}

/** May be left out, and is `undefined` then. */
export function optional<T>(option: Option<T>): Option<T | undefined> {
  return (value, name) => (value === undefined ? undefined : option(value, name))
}

/** May be left out, and is `fallback` then. */
export function withDefault<T>(option: Option<T>, fallback: T): Option<T> {
  return (value, name) => (value === undefined ? fallback : option(value, name))
}

/** Timers take 32 bits: anything above would fire at once. */
const MAX_WHOLE = 2 ** 31 - 1

/** A whole number. Without a default it must be given. */
export function whole({ fallback, min = 1, max = MAX_WHOLE }: WholeRange): Option<number> {
  const within = (value: unknown) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max
  const option = required<number>(`a whole number from ${min} to ${max}`, within)
  return fallback === undefined ? option : withDefault(option, fallback)
}

export interface WholeRange {
  fallback?: number
  /** Default: 1. */
  min?: number
  /** Default: 2,147,483,647, the most that a timer takes. */
  max?: number
}

export function flag(fallback: boolean): Option<boolean> {
  return withDefault(
    required('true or false', (value) => typeof value === 'boolean'),
    fallback,
  )
}

export function oneOf<const Word extends string>(words: readonly Word[], fallback: Word): Option<Word> {
  const takes = words.map((word) => `'${word}'`).join(' or ')
  return withDefault(
    required<Word>(takes, (value) => words.includes(value as Word)),
    fallback,
  )
}

/** A function that need not be given. `takes` is for the message: what it is called with, and what it returns. */
export function callback<F>(takes = 'a function'): Option<F | undefined> {
  return optional(required<F>(takes, (value) => typeof value === 'function'))
}

/** Options that stand together in an object of their own: each has its default where the object is left out. */
export function group<S extends Specification>(owner: string, specification: S): Option<Checked<S>> {
  return (value = {}, name) => {
    if (!isObject(value)) throw badOption(name, `an object of ${Object.keys(specification).join(', ')}`)
    return readOptions(owner, specification, value, { prefix: `${name}.` })
  }
}

/** `false` for none, or what the option takes. */
export function orFalse<T>(option: Option<T>): Option<T | false> {
  return (value, name) => {
    if (value === false) return false
    if (value !== undefined && !isObject(value)) throw badOption(name, 'false or an object')
    return option(value, name)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unknownOption(owner: string, name: string, known: readonly string[]): TenantAuthError {
  const nearest = nearestName(name, known)
  const meant = nearest === undefined ? '' : `. Did you mean ${nearest}?`
  const takes = known.join(', ')
  return new TenantAuthError(
    'TENANT_AUTH_BAD_OPTION',
    `${name} is not an option of ${owner}, which takes ${takes}${meant}`,
  )
}
