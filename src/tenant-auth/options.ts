/** The options of tenantAuth: their names, defaults and checks. Their types and what they mean are in `types.ts`. */
import { badOption } from '../http/errors.ts'
import { headerName } from '../http/header-name.ts'
import { errorResponse } from '../http/refusal.ts'
import {
  flag,
  group,
  OF_REGISTER,
  oneOf,
  type Option,
  optional,
  orFalse,
  readOptions,
  required,
  type SpecificationOf,
  whole,
  withDefault,
} from '../lib/options.ts'
import { checkCoherence, isCoherent } from '../stores/coherent-key-store.ts'
import type { KeyStore } from '../stores/key-store.ts'
import type { TenantAuthCacheOptions, TenantAuthOptions } from './types.ts'

/**
 * Headers that carry other credentials, and headers that Node reads itself or of which it keeps one and drops the rest:
 * a repeated key would go unnoticed.
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
/** Without coherence, only this bounds how long a revoked key lives on. */
const TTL = 5_000
const COHERENT_TTL = 600_000

const keyStore: Option<KeyStore> = (value, name) => {
  const store = value as KeyStore | null | undefined
  if (typeof store?.findByHash !== 'function') {
    throw badOption(name, 'a KeyStore: an object with the method findByHash(hash)')
  }
  checkCoherence(store)
  return store
}

const header: Option<string> = (value, name) => {
  const header = headerName(value, name)
  if (!OTHER_HEADERS.has(header)) return header
  throw badOption(name, 'a header that neither HTTP nor another credential uses')
}

const propertyName = required<string>(
  'the name of a property',
  (value) => typeof value === 'string' && /^[a-z_$][\w$]*$/i.test(value),
)

const CACHE = {
  max: whole({ fallback: 10_000 }),
  ttl: optional(whole({})),
  negativeTtl: whole({ fallback: TTL }),
  staleIfError: whole({ fallback: 0, min: 0 }),
} satisfies SpecificationOf<TenantAuthCacheOptions>

const SPECIFICATION = {
  keyStore,
  header: withDefault(header, 'x-tenant-api-key'),
  keyFormat: oneOf(['checksum', 'any'], 'checksum'),
  cache: orFalse(group("tenantAuth's cache", CACHE)),
  lookupTimeout: whole({ fallback: 1_000 }),
  maxConcurrentLookups: whole({ fallback: 64 }),
  trackLastUsed: flag(true),
  addHook: flag(true),
  decorators: group("tenantAuth's decorators", {
    tenant: withDefault(propertyName, 'tenant'),
    tenantKey: withDefault(propertyName, 'tenantKey'),
  }),
  errorResponse,
} satisfies SpecificationOf<TenantAuthOptions>

export type CheckedOptions = ReturnType<typeof checkOptions>

/** @throws `TENANT_AUTH_BAD_OPTION` naming the option and what it takes */
export function checkOptions(given: TenantAuthOptions) {
  const options = readOptions('tenantAuth', SPECIFICATION, given, { besides: OF_REGISTER })
  const { keyStore, lookupTimeout } = options
  const cache = options.cache && {
    ...options.cache,
    ttl: options.cache.ttl ?? (isCoherent(keyStore) ? COHERENT_TTL : TTL),
  }
  const lease =
    isCoherent(keyStore) && keyStore.coherence.kind === 'fleet' ? keyStore.coherence.lease : Infinity
  if (cache !== false && lookupTimeout >= lease) {
    throw badOption(
      'lookupTimeout',
      `under the lease of the store, ${lease} ms: an answer that takes longer proves nothing`,
    )
  }
  return { ...options, cache }
}

const scopes = required<readonly string[]>(
  'an array of scopes (visible ASCII without space, quote or backslash)',
  (value) => Array.isArray(value) && value.every((scope) => typeof scope === 'string' && SCOPE.test(scope)),
)

/** Checks a route's `config.tenantAuth`. */
export function checkRouteConfig(config: unknown, url: string): void {
  if (config === undefined) return
  const name = `config.tenantAuth of route ${url}`
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw badOption(name, 'an object like { scopes: [...] }')
  readOptions(name, { scopes }, config, { prefix: `${name}: ` })
}
