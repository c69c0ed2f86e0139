/** Checks the options once, at registration, and fills in the defaults. */
import type { KeyCacheOptions } from '../cache/key-cache.ts'
import { badOption } from '../http/errors.ts'
import { OF_REGISTER, refuseUnknown } from '../lib/option-names.ts'
import { checkCoherence, isCoherent } from '../stores/coherent-key-store.ts'
import type { KeyStore } from '../stores/key-store.ts'
import type { TenantAuthCacheOptions, TenantAuthOptions } from './types.ts'

export type CheckedOptions = Required<Omit<TenantAuthOptions, 'cache' | 'errorResponse'>> & {
  cache: KeyCacheOptions['cache']
  errorResponse: TenantAuthOptions['errorResponse'] | undefined
}

const OPTIONS: readonly (keyof TenantAuthOptions)[] = [
  'keyStore',
  'header',
  'keyFormat',
  'cache',
  'lookupTimeout',
  'maxConcurrentLookups',
  'trackLastUsed',
  'addHook',
  'errorResponse',
]
const CACHE_OPTIONS: readonly (keyof TenantAuthCacheOptions)[] = [
  'max',
  'ttl',
  'negativeMax',
  'negativeTtl',
  'staleIfError',
]
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
/**
 * Those where other credentials come, and those of which Node keeps one and drops the rest, or which it reads itself: a
 * repeated key would not be seen as such.
 */
const OTHER_HEADERS = new Set(
  (
    'authorization cookie x-api-key set-cookie proxy-authorization age connection content-length content-type etag expires ' +
    'from host if-modified-since if-unmodified-since last-modified location max-forwards referer retry-after server ' +
    'transfer-encoding user-agent'
  ).split(' '),
)
/** RFC 6749, 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/
/** Without coherence nothing but this bounds the life of a revoked key. */
const TTL = 5_000
const COHERENT_TTL = 600_000

/** @throws `TENANT_AUTH_BAD_OPTION` naming the option and what it takes */
export function checkOptions(options: TenantAuthOptions): CheckedOptions {
  const {
    keyStore,
    header = 'x-tenant-api-key',
    keyFormat = 'checksum',
    lookupTimeout = 1_000,
    maxConcurrentLookups = 64,
    trackLastUsed = true,
    addHook = true,
    errorResponse,
  } = options
  refuseUnknown('tenantAuth', options, OPTIONS, OF_REGISTER)
  if (typeof (keyStore as Partial<KeyStore> | undefined)?.findByHash !== 'function') {
    throw badOption('keyStore', 'a KeyStore: an object with the method findByHash(hash)')
  }
  checkCoherence(keyStore)
  if (typeof header !== 'string' || !TOKEN.test(header))
    throw badOption('header', 'the name of an HTTP header')
  if (OTHER_HEADERS.has(header.toLowerCase())) {
    throw badOption('header', 'a header of its own, none that HTTP or another credential has a use for')
  }
  if (keyFormat !== 'checksum' && keyFormat !== 'any') throw badOption('keyFormat', "'checksum' or 'any'")
  whole('lookupTimeout', lookupTimeout, 1)
  whole('maxConcurrentLookups', maxConcurrentLookups, 1)
  flag('trackLastUsed', trackLastUsed)
  flag('addHook', addHook)
  if (errorResponse !== undefined && errorResponse !== 'throw' && typeof errorResponse !== 'function') {
    throw badOption('errorResponse', "'throw' or a function (error, request) => body")
  }
  const cache = checkCache(options.cache, keyStore)
  const lease =
    isCoherent(keyStore) && keyStore.coherence.kind === 'fleet' ? keyStore.coherence.lease : Infinity
  if (cache !== false && lookupTimeout >= lease) {
    throw badOption(
      'lookupTimeout',
      `under the lease of the store, ${lease} ms: an older answer proves nothing`,
    )
  }
  return {
    keyStore,
    header: header.toLowerCase(),
    keyFormat,
    cache,
    lookupTimeout,
    maxConcurrentLookups,
    trackLastUsed,
    addHook,
    errorResponse,
  }
}

function checkCache(cache: TenantAuthOptions['cache'], keyStore: KeyStore): KeyCacheOptions['cache'] {
  if (cache === false) return false
  if (cache !== undefined && (typeof cache !== 'object' || cache === null)) {
    throw badOption('cache', 'false or an object')
  }
  const given: TenantAuthCacheOptions = cache ?? {}
  refuseUnknown("tenantAuth's cache", given, CACHE_OPTIONS)
  const {
    max = 10_000,
    ttl = isCoherent(keyStore) ? COHERENT_TTL : TTL,
    negativeMax = 1_000,
    negativeTtl = TTL,
    staleIfError = 0,
  } = given
  whole('cache.max', max, 1)
  whole('cache.ttl', ttl, 1)
  whole('cache.negativeMax', negativeMax, 1)
  whole('cache.negativeTtl', negativeTtl, 1)
  whole('cache.staleIfError', staleIfError, 0)
  return { max, ttl, negativeMax, negativeTtl, staleIfError }
}

/** Checks a route's `config.tenantAuth`. */
export function checkRouteConfig(config: unknown, url: string): void {
  if (config === undefined) return
  const name = `config.tenantAuth of route ${url}`
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw badOption(name, 'an object like { scopes: [...] }')
  refuseUnknown(name, config, ['scopes'])
  const { scopes } = config as { scopes?: unknown }
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === 'string' && SCOPE.test(scope))) {
    throw badOption(`${name}: scopes`, 'an array of scopes (visible ASCII without space, quote or backslash)')
  }
}

/** Timers take 32 bits: anything above would fire at once. */
const MAX_WHOLE = 2 ** 31 - 1

function whole(name: string, value: unknown, min: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > MAX_WHOLE) {
    throw badOption(name, `a whole number from ${min} to ${MAX_WHOLE}`)
  }
}

function flag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw badOption(name, 'true or false')
}
