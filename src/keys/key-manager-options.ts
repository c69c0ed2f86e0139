/** What `KeyManager` takes, checked once when it is made. */
import { badOption } from '../http/errors.ts'
import { refuseUnknown } from '../lib/option-names.ts'
import { isWritable, type WritableKeyStore } from '../stores/writable-key-store.ts'
import { ENVIRONMENT_PATTERN, PREFIX_PATTERN } from './key-format.ts'
import { isScopeList } from './key-values.ts'
import { LAST_TIME } from './limits.ts'

export interface KeyManagerOptions {
  /** The first part of every key that is made. Letters, digits and inner `_`, up to 16. Default: `tk`. */
  prefix?: string
  /** The environments that there are, the second part of a key: letters and digits. Default: `['live', 'test']`. */
  environments?: readonly string[]
  /** The scopes that there are. Default: any (RFC 6749 scope tokens), which `keyRoutes` does not take for granted. */
  scopes?: readonly string[]
  /** Milliseconds for which a key may live at most, from its making. Default: for ever. */
  maxLifetime?: number
  /** Milliseconds after which a key ends whose maker does not say. Default: `maxLifetime`. */
  defaultLifetime?: number
  /** Milliseconds that a call of the store may take. A confirmation ends by itself. Default: 5,000. */
  timeout?: number
}

const OPTIONS: readonly (keyof KeyManagerOptions)[] = [
  'prefix',
  'environments',
  'scopes',
  'maxLifetime',
  'defaultLifetime',
  'timeout',
]

export interface KeyManagerSettings {
  prefix: string
  environments: readonly string[]
  scopes: readonly string[] | undefined
  maxLifetime: number | undefined
  defaultLifetime: number | undefined
  timeout: number
}

/** @throws `TENANT_AUTH_BAD_OPTION` where a JavaScript caller passes a store that cannot be written to */
export function checkStore(store: WritableKeyStore): WritableKeyStore {
  const given: unknown = store
  if (typeof given !== 'object' || given === null || !isWritable(store)) {
    throw badOption('KeyManager: store', 'a store with the writing side of WritableKeyStore')
  }
  return store
}

/** @throws `TENANT_AUTH_BAD_OPTION` */
export function checkOptions(options: KeyManagerOptions): KeyManagerSettings {
  refuseUnknown('KeyManager', options, OPTIONS)
  const { prefix = 'tk', environments = ['live', 'test'], scopes, timeout = 5_000 } = options
  const { maxLifetime, defaultLifetime } = options
  if (typeof prefix !== 'string' || !PREFIX_PATTERN.test(prefix)) {
    throw badOption('KeyManager: prefix', 'letters, digits and inner _, 1 to 16, a letter first')
  }
  if (!Array.isArray(environments) || environments.length === 0 || !environments.every(isEnvironment)) {
    throw badOption(
      'KeyManager: environments',
      'an array of one or more words of letters and digits, 1 to 16, a letter first',
    )
  }
  if (scopes !== undefined && !isScopeList(scopes)) {
    throw badOption('KeyManager: scopes', 'an array of at most 100 RFC 6749 scope tokens')
  }
  milliseconds('timeout', timeout, 0x7fff_ffff)
  if (maxLifetime !== undefined) milliseconds('maxLifetime', maxLifetime, LAST_TIME)
  if (defaultLifetime !== undefined)
    milliseconds('defaultLifetime', defaultLifetime, maxLifetime ?? LAST_TIME)
  return {
    prefix,
    environments: [...environments],
    scopes: scopes && Object.freeze([...scopes]),
    maxLifetime,
    defaultLifetime,
    timeout,
  }
}

function milliseconds(name: string, value: unknown, most: number): void {
  if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > most) {
    throw badOption(`KeyManager: ${name}`, `a whole number of milliseconds from 1 to ${most}`)
  }
}

function isEnvironment(value: unknown): boolean {
  return typeof value === 'string' && ENVIRONMENT_PATTERN.test(value)
}
