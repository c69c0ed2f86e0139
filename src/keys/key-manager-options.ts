/** What `KeyManager` takes, checked once when it is made. */
import { badOption } from '../http/errors.ts'
import { refuseUnknown } from '../lib/option-names.ts'
import { isWritable, type WritableKeyStore } from '../stores/writable-key-store.ts'
import { LABEL_PATTERN } from './key-format.ts'
import { isScopeList } from './key-values.ts'

export interface KeyManagerOptions {
  /** The first part of every key that is made. Lower-case letters and digits, up to 16. Default: `tk`. */
  prefix?: string
  /** The environments that there are, the second part of a key. Default: `['live', 'test']`. */
  environments?: readonly string[]
  /** The scopes that there are. Default: any (RFC 6749 scope tokens). */
  scopes?: readonly string[]
  /** Milliseconds that a call of the store may take. A confirmation ends by itself. Default: 5,000. */
  timeout?: number
}

const OPTIONS: readonly (keyof KeyManagerOptions)[] = ['prefix', 'environments', 'scopes', 'timeout']

export interface KeyManagerSettings {
  prefix: string
  environments: readonly string[]
  scopes: readonly string[] | undefined
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
  if (!isLabel(prefix)) {
    throw badOption('KeyManager: prefix', 'lower-case letters and digits, 1 to 16, a letter first')
  }
  if (!Array.isArray(environments) || environments.length === 0 || !environments.every(isLabel)) {
    throw badOption(
      'KeyManager: environments',
      'an array of one or more words of lower-case letters and digits, 1 to 16, a letter first',
    )
  }
  if (scopes !== undefined && !isScopeList(scopes)) {
    throw badOption('KeyManager: scopes', 'an array of at most 100 RFC 6749 scope tokens')
  }
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > 0x7fff_ffff) {
    throw badOption('KeyManager: timeout', 'a whole number of milliseconds from 1 to 2147483647')
  }
  return { prefix, environments: [...environments], scopes: scopes && [...scopes], timeout }
}

function isLabel(value: unknown): boolean {
  return typeof value === 'string' && LABEL_PATTERN.test(value)
}
