/** The result of a look-up, and the checks that a store's answer must pass before it is trusted. */
import type { BlockList } from 'node:net'
import { momentOf } from '../lib/dates.ts'
import { networksOf } from '../lib/networks.ts'
import type { StoredKey } from '../stores/key-store.ts'
import { listOf, recordOf, tenantOf } from './alike.ts'
import { KEY_NAMES, type KnownNames, misreadName, TENANT_NAMES } from './misread-names.ts'

/** Extend through declaration merging: `declare module 'fastify-tenant-auth' { interface TenantMetadata { plan: string } }` */
export interface TenantMetadata {}
/** Extend through declaration merging, like `TenantMetadata`. */
export interface KeyMetadata {}

/** `request.tenant`. Frozen. */
export interface Tenant {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<TenantMetadata>
}

/** `request.tenantKey`: the key that was used. Frozen; a `Date` cannot be, so leave `expiresAt` as it is. */
export interface TenantKey {
  readonly id: string
  readonly name: string
  /** `live`, `test`, …; empty if the store does not say. */
  readonly environment: string
  readonly scopes: readonly string[]
  readonly expiresAt: Date | null
  readonly metadata: Readonly<KeyMetadata>
}

/**
 * A key that is good until further notice.
 *
 * Every hit reads whole numbers below 2³¹ and `null`, which V8 keeps in the object itself. It keeps larger numbers
 * elsewhere, and fetching one costs another cache miss: 2 % of a request's processor time in all (bench/README.md). An
 * expiry is such a number; times of the monotonic clock become one once a process has run for 2³¹ ms, 24.8 days.
 */
export interface KeyEntry {
  readonly tenant: Tenant
  readonly key: TenantKey
  readonly suspended: boolean
  /** The only networks from which the key is accepted, `null` for any. */
  readonly networks: BlockList | null
  /** Milliseconds since 1970 from which the key is refused, `null` for never. */
  readonly expiresAt: number | null
  /**
   * Monotonic milliseconds, a whole number, until which the entry may be used. Absolute: using it does not extend it.
   * `OVER` once the entry is no longer held.
   */
  until: number
  /** Monotonic milliseconds, a whole number, at which its place among the entries was last renewed. */
  renewedAt: number
  /** Monotonic milliseconds, a whole number, at which its use was last noted. */
  notedAt: number
}

/** Twelve days before the monotonic clock began. */
export const NEVER: number = -(2 ** 30)
/** Before the monotonic clock began. */
export const OVER = -1

/** Why a well-formed key is refused. */
export type KeyRefusal = 'unknown' | 'revoked' | 'expired' | 'paused'

/** The entry of a good key, or the word for why the key is refused. */
export type Verdict = KeyEntry | KeyRefusal

/** The store returned something other than a `StoredKey`. The message may name a property, but quotes no value. */
export class StoreAnswerError extends Error {
  override readonly name = 'StoreAnswerError'
}

/**
 * Turns a store's answer into a verdict.
 *
 * Written out instead of a schema: loading TypeBox would double the start-up time of a service that only needs this.
 *
 * @throws `StoreAnswerError` for an answer of the wrong shape, or with a name that would be misread
 */
export function judge(stored: StoredKey | null | undefined, wall: number, until: number): Verdict {
  if (stored === null || stored === undefined) return 'unknown'
  const { id, tenant, name, environment, metadata } = fields(stored, 'the answer')
  refuseMisread(stored, KEY_NAMES, '')
  const scopes: unknown = stored.scopes ?? []
  const expiresAt = date(stored.expiresAt, 'expiresAt')
  if (date(stored.revokedAt, 'revokedAt') !== null) return 'revoked'
  const pausedAt = date(stored.pausedAt, 'pausedAt')
  const owner = fields(tenant, 'tenant')
  refuseMisread(owner, TENANT_NAMES, 'tenant.')
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === 'string'))
    throw wrong('scopes', 'a list of strings')
  const suspended: unknown = owner.suspended ?? false
  if (typeof suspended !== 'boolean') throw wrong('tenant.suspended', 'true or false')

  const entry: KeyEntry = {
    tenant: tenantOf({
      id: identifier(owner.id, 'tenant.id'),
      name: string(owner.name ?? owner.id, 'tenant.name'),
      metadata: recordOf(fields(owner.metadata ?? {}, 'tenant.metadata'), frozenCopy<TenantMetadata>),
    }),
    key: Object.freeze({
      id: identifier(id, 'id'),
      name: string(name ?? id, 'name'),
      environment: string(environment ?? '', 'environment'),
      scopes: listOf(scopes),
      expiresAt,
      metadata: recordOf(fields(metadata ?? {}, 'metadata'), frozenCopy<KeyMetadata>),
    }),
    suspended,
    networks: networks(stored.networks),
    expiresAt: expiresAt === null ? null : expiresAt.getTime(),
    until,
    renewedAt: NEVER,
    notedAt: NEVER,
  }
  if (isExpired(entry, wall)) return 'expired'
  return pausedAt === null ? entry : 'paused'
}

export function isExpired({ expiresAt }: KeyEntry, wall: number): boolean {
  return expiresAt !== null && wall >= expiresAt
}

function fields<T extends object>(value: T | undefined, name: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name, 'an object')
  return value
}

/**
 * Deeply frozen, because all requests with the key share it. A copy, because the store's own object must not be frozen.
 * Nothing checks that metadata has the type that users declare for it by declaration merging.
 *
 * Not `{ ...value }`: V8 gives each frozen object made that way its own hidden class, 100 bytes for every cached key.
 */
function frozenCopy<Metadata extends object>(value: object): Readonly<Metadata> {
  const entries = Object.entries(value).map(([name, part]: [string, unknown]) => [name, frozenPart(part)])
  return Object.freeze(Object.fromEntries(entries) as Metadata)
}

function frozenPart(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(frozenPart))
  // Anything but plain data, such as a `Date` or an instance of a class, stays as it is.
  const isPlain =
    typeof value === 'object' && value !== null && isPlainPrototype(Object.getPrototypeOf(value))
  return isPlain ? frozenCopy(value) : value
}

/** Works for objects of any realm. */
function isPlainPrototype(prototype: unknown): boolean {
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function string(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrong(name, 'a string')
  return value
}

/** Refuses an empty id: it is what a row without an owner may have. */
function identifier(value: unknown, name: string): string {
  if (value === '') throw wrong(name, 'a string of at least one character')
  return string(value, name)
}

function networks(value: unknown): BlockList | null {
  if (value === null || value === undefined) return null
  const list = Array.isArray(value) ? networksOf(value) : undefined
  if (list === undefined) throw wrong('networks', 'a list of addresses and CIDRs, or null')
  return list
}

function date(value: unknown, name: string): Date | null {
  if (value === null || value === undefined) return null
  const moment = momentOf(value)
  if (moment === undefined) throw wrong(name, 'a valid Date, or null')
  return new Date(moment)
}

/** Lets other unknown names pass: they decide nothing, so they do no harm. */
function refuseMisread(answer: object, known: KnownNames, before: string): void {
  const misread = misreadName(answer, known)
  if (misread === undefined) return
  const { name, meant } = misread
  const right =
    meant === undefined
      ? 'return null instead of a key that is not good, and leave it out of a key that is'
      : `the name for it is ${before}${meant}`
  throw new StoreAnswerError(`the key store's answer has ${before}${name}, which is not read: ${right}`)
}

function wrong(name: string, shape: string): StoreAnswerError {
  return new StoreAnswerError(`the key store's answer has the wrong shape: ${name} must be ${shape}`)
}
