/**
 * The check itself: header → digest → cache → key format → store → request. It returns at once for a key in memory, and
 * returns a promise only if it must ask the store.
 */
import type { FastifyRequest } from 'fastify'
import { systemClock } from '../lib/clock.ts'
import { KeyCache, type KeyCacheOptions } from '../cache/key-cache.ts'
import type { Held } from '../cache/entries.ts'
import type { KeyEntry, Verdict } from '../cache/verdict.ts'
import { digestKey } from '../keys/key-digest.ts'
import { digestOf } from '../keys/key-hash.ts'
import { isWithin } from '../lib/networks.ts'
import { maskedError } from '../lib/masked-error.ts'
import { acceptedChannel, publishAccepted } from '../http/events.ts'
import { LastCredentials } from '../http/last-credential.ts'
import type { Refusal } from '../http/refusal.ts'
import { MAX_LENGTH, refuseHeader } from './key-header.ts'
import type { CheckedOptions } from './options.ts'
import { buildRefusals, type RefusalReason } from './refusals.ts'

/** The property of the request that holds the entry of its key. */
export const kEntry: unique symbol = Symbol('fastify-tenant-auth.entry')

declare module 'fastify' {
  interface FastifyRequest {
    [kEntry]: KeyEntry | null | undefined
  }
}

export class Authenticator {
  readonly cache: KeyCache
  readonly #header: string
  readonly #checksum: boolean
  readonly #digest: (key: string) => string
  /**
   * Whether a digest in memory proves that the header was checked before. Texts with the same SHA-256 are the same. A
   * service's own hash need not be that strict, and may fail for what is no key.
   */
  readonly #provesForm: boolean
  readonly #refusals: Record<RefusalReason, Refusal>
  readonly #last = new LastCredentials<Held>()

  constructor(options: CheckedOptions, reports: Pick<KeyCacheOptions, 'onUse' | 'onReport'>) {
    this.#header = options.header
    this.#checksum = options.keyFormat === 'checksum'
    this.#digest = digestOf(options.keyStore)
    this.#provesForm = this.#digest === digestKey
    this.#refusals = buildRefusals(options.header)
    this.cache = new KeyCache({
      store: options.keyStore,
      clock: systemClock,
      cache: options.cache,
      lookupTimeout: options.lookupTimeout,
      maxConcurrentLookups: options.maxConcurrentLookups,
      ...reports,
    })
  }

  /** @returns `null` if the request is let in: from then on, `request.tenant` may be read */
  check(request: FastifyRequest): Refusal | null | Promise<Refusal | null> {
    const { headers, raw } = request
    const value = headers[this.#header]
    const last = this.#last.of(raw)
    const remembered = typeof value === 'string' ? last.recall(value) : undefined
    const again = remembered && this.cache.serve(remembered, true)
    if (again !== undefined) return this.#decide(request, again)
    // A key in memory has passed this check, which costs half as much as the hash.
    const isCheckedLater = this.#provesForm && typeof value === 'string' && value.length <= MAX_LENGTH
    const reason = isCheckedLater ? null : refuseHeader(value, headers, this.#checksum)
    if (reason !== null) return this.#refusals[reason]
    const digest = this.#digest(value as string)
    const held = this.cache.held(digest)
    const verdict = held && this.cache.serve(held, false)
    if (verdict !== undefined) {
      last.remember(value as string, held as Held)
      return this.#decide(request, verdict)
    }
    const late = isCheckedLater ? refuseHeader(value, headers, this.#checksum) : null
    return late === null ? this.#askStore(request, digest) : this.#refusals[late]
  }

  /** For a good key on a route that requires the other kind of credential. */
  refusalOfOther(request: FastifyRequest): Refusal {
    return refusalOf(request[kEntry] as KeyEntry, this.#refusals.other_credential)
  }

  async #askStore(request: FastifyRequest, digest: string): Promise<Refusal | null> {
    let verdict
    try {
      verdict = await this.cache.find(digest)
    } catch (error) {
      return { ...this.#refusals.unavailable, cause: maskedError(error) }
    }
    return this.#decide(request, verdict)
  }

  #decide(request: FastifyRequest, verdict: Verdict): Refusal | null {
    if (typeof verdict === 'string') return this.#refusals[verdict]
    // Checked first: outside its networks, the holder of a key must learn nothing more about it.
    if (verdict.networks !== null && !isWithin(verdict.networks, request.ip)) {
      return { ...refusalOf(verdict, this.#refusals.network), detail: { ip: request.ip } }
    }
    if (verdict.suspended) return refusalOf(verdict, this.#refusals.suspended)
    if (!hasScopes(request, verdict)) return refusalOf(verdict, this.#refusals.scope)
    request[kEntry] = verdict
    if (acceptedChannel.hasSubscribers) {
      publishAccepted('tenantAuth', request, { keyId: verdict.key.id, tenantId: verdict.tenant.id })
    }
    return null
  }
}

/**
 * Reads the route's config each time, because `onRoute` does not see routes declared before the plugin was registered.
 * Their config may also be misspelled, because nothing has checked it: a key never meets one that is not understood.
 */
function hasScopes(request: FastifyRequest, { key }: KeyEntry): boolean {
  const demand: { scopes?: unknown } | null | undefined = request.routeOptions.config.tenantAuth
  if (demand === undefined) return true
  const wanted = demand?.scopes
  if (!Array.isArray(wanted)) return false
  for (const scope of wanted) if (!key.scopes.includes(scope as string)) return false
  return true
}

/** Adds whose key it is, for the log: the key is good, and an operator wants to know who asks for too much. */
function refusalOf({ key, tenant }: KeyEntry, refusal: Refusal): Refusal {
  return { ...refusal, of: { keyId: key.id, tenantId: tenant.id } }
}
