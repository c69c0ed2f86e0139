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
 * @param value as it was given, `undefined` if it was not
 * @param name for the message, such as `cache.max`
 * @returns the value to use
 * @throws `TENANT_AUTH_BAD_OPTION` that says "{name} must be {what it takes}"
 */
export type Option<T> = (value: unknown, name: string) => T

export type Specification = Readonly<Record<string, Option<unknown>>>

/** For `satisfies`: an option for each name of `Options`, and no other one. */
export type SpecificationOf<Options> = { readonly [Name in keyof Options]-?: Option<unknown> }

/** The type of the options that `readOptions` returns for a specification. */
export type Checked<S extends Specification> = { [Name in keyof S]: ReturnType<S[Name]> }

/** The options of Fastify's `register`, which passes them on to the plugin. */
export const OF_REGISTER: readonly string[] = ['prefix', 'logLevel', 'logSerializers']

export interface ReadSettings {
  /** Put before each name in messages, such as `KeyManager: `. Default: nothing. */
  prefix?: string
  /** Further names that are allowed, but that messages do not list. Default: none. */
  besides?: readonly string[]
}

/**
 * Reads options by their specification. A misspelled option that is ignored is a check that is never made, so unknown
 * names are refused, and the message suggests the nearest known one.
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

/** May be left out; the value is then `undefined`. */
export function optional<T>(option: Option<T>): Option<T | undefined> {
  return (value, name) => (value === undefined ? undefined : option(value, name))
}

/** May be left out; the value is then `fallback`. */
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

/** An optional function. `takes` is for the message: what the function is called with, and what it returns. */
export function callback<F>(takes = 'a function'): Option<F | undefined> {
  return optional(required<F>(takes, (value) => typeof value === 'function'))
}

/** Options grouped in one object. If the object is left out, each has its default. */
export function group<S extends Specification>(owner: string, specification: S): Option<Checked<S>> {
  return (value = {}, name) => {
    if (!isObject(value)) throw badOption(name, `an object with ${Object.keys(specification).join(', ')}`)
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
