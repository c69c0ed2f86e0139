/** The options of `KeyManager`, checked once, by its constructor. */
import { badOption } from '../http/errors.ts'
import { optional, readOptions, required, type SpecificationOf, whole, withDefault } from '../lib/options.ts'
import { missingMethods, type WritableKeyStore } from '../stores/writable-key-store.ts'
import { ENVIRONMENT_PATTERN, PREFIX_PATTERN } from './key-format.ts'
import { isScopeList } from './key-values.ts'
import { Lifetime } from './lifetime.ts'
import { LAST_TIME } from './limits.ts'

/** The options of `KeyManager`. */
export interface KeyManagerOptions {
  /** The first part of every new key: letters, digits and inner `_`, up to 16. Default: `tk`. */
  prefix?: string
  /** The environments that exist, each the second part of a key: letters and digits. Default: `['live', 'test']`. */
  environments?: readonly string[]
  /** The scopes that exist. Default: any (RFC 6749 scope tokens); `keyRoutes` then requires its option `scopes`. */
  scopes?: readonly string[]
  /** How long a key may live, in milliseconds from its creation. Default: no limit. */
  maxLifetime?: number
  /** Milliseconds after which a key expires if you set no expiry. Default: `maxLifetime`. */
  defaultLifetime?: number
  /** How many live keys a tenant may have. Default: no limit. */
  maxKeys?: number
  /** Time limit of a call to the store, in milliseconds. Waiting for the fleet is not included. Default: 5,000. */
  timeout?: number
}

const SPECIFICATION = {
  prefix: withDefault(
    required<string>('1 to 16 letters, digits and inner _, starting with a letter', matches(PREFIX_PATTERN)),
    'tk',
  ),
  environments: withDefault(
    required<readonly string[]>(
      'an array of one or more words, each of 1 to 16 letters and digits, starting with a letter',
      (value) => Array.isArray(value) && value.length > 0 && value.every(matches(ENVIRONMENT_PATTERN)),
    ),
    ['live', 'test'],
  ),
  scopes: optional(required<readonly string[]>('an array of at most 100 RFC 6749 scope tokens', isScopeList)),
  maxLifetime: optional(whole({ max: LAST_TIME })),
  defaultLifetime: optional(whole({ max: LAST_TIME })),
  maxKeys: optional(whole({})),
  timeout: whole({ fallback: 5_000 }),
} satisfies SpecificationOf<KeyManagerOptions>

export type KeyManagerSettings = ReturnType<typeof checkOptions>

/** @throws `TENANT_AUTH_BAD_OPTION` if a JavaScript caller passes a store without the methods that write */
export function checkStore(store: WritableKeyStore): WritableKeyStore {
  const given: unknown = store
  const missing = typeof given === 'object' && given !== null ? missingMethods(given) : undefined
  if (missing?.length !== 0) {
    const lacks = missing === undefined ? '' : `: it lacks ${missing.join(', ')}`
    throw badOption('KeyManager: store', `a WritableKeyStore${lacks}`)
  }
  return store
}

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function checkOptions(options: KeyManagerOptions) {
  const given = readOptions('KeyManager', SPECIFICATION, options, { prefix: 'KeyManager: ' })
  const { environments, scopes, maxLifetime = Infinity, defaultLifetime = 0 } = given
  if (defaultLifetime > maxLifetime) {
    throw badOption('KeyManager: defaultLifetime', `at most maxLifetime, ${maxLifetime} ms`)
  }
  return {
    ...given,
    // Copies, so that the caller cannot change the settings later.
    environments: [...environments],
    scopes: scopes && Object.freeze([...scopes]),
    lifetime: new Lifetime(given.maxLifetime, given.defaultLifetime),
  }
}

function matches(form: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && form.test(value)
}
