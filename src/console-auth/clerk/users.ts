/**
 * Fetches users from Clerk's Backend API when a handler calls `getUser()`, once for all concurrent calls, and remembers
 * them for a while.
 *
 * It does not use Clerk's own client, which accepts any response of a proxy as the user, follows redirects with the secret
 * key, and has no time limit. Only that client can build a `User`; `UserJSON` is the data that it builds one from.
 */
import { setMaxListeners } from 'node:events'
import type { UserJSON } from '@clerk/backend'
import { LRUCache } from 'lru-cache'
import { AuthError, badOption } from '../../http/errors.ts'
import type { Refusal } from '../../http/refusal.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { deepFreeze } from '../../lib/deep-freeze.ts'
import { withTimeLimit } from '../../lib/time-limit.ts'
import { type ClerkApi, ClerkStatusError, RETRY_AFTER_FAILURE } from './api.ts'
import { unavailable, UNKNOWN_USER } from '../refusals.ts'

/** Fetches under way. Each has a socket, so without a limit, a Clerk that hangs would cost one for each user. */
const MAX_FETCHES = 256

export interface ClerkUsersOptions {
  /** The Backend API, or `undefined` without a secret key. */
  api: ClerkApi | undefined
  /** Milliseconds for a fetch, its body included. */
  timeout: number
  max: number
  /** Milliseconds for which a user is remembered. */
  ttl: number
  clock?: Clock
}

export class ClerkUsers {
  readonly #options: ClerkUsersOptions
  readonly #clock: Clock
  readonly #users: LRUCache<string, UserJSON>
  /** Recent failures by user, so that not every request goes to a Clerk in trouble. Separate, so they evict no users. */
  readonly #failures: LRUCache<string, Refusal>
  readonly #pending = new Map<string, Promise<UserJSON | Refusal>>()
  readonly #closing = new AbortController()

  constructor(options: ClerkUsersOptions) {
    // Each fetch under way adds a listener.
    setMaxListeners(MAX_FETCHES, this.#closing.signal)
    this.#options = options
    const { max, ttl, clock = systemClock } = options
    this.#clock = clock
    const shared = { max, ttlResolution: 0, perf: clock }
    this.#users = new LRUCache({ ...shared, ttl })
    this.#failures = new LRUCache({ ...shared, ttl: RETRY_AFTER_FAILURE })
  }

  async get(userId: string): Promise<UserJSON> {
    const outcome = this.#users.get(userId) ?? this.#failures.get(userId) ?? (await this.#fetchOnce(userId))
    if ('id' in outcome) return outcome
    // A new error for each call, because the app's error handler may write to it.
    throw new AuthError(outcome.code, outcome)
  }

  /** Aborts every fetch that is under way. */
  close(): void {
    this.#closing.abort(new Error('the app is closing'))
  }

  async #fetchOnce(userId: string): Promise<UserJSON | Refusal> {
    const pending = this.#pending.get(userId)
    if (pending !== undefined) return pending
    const { api } = this.#options
    if (api === undefined) throw badOption('secretKey', 'set for getUser()')
    if (this.#pending.size >= MAX_FETCHES) return unavailable(new Error('too many users are being fetched'))
    const fetched = this.#fetch(userId, api)
    this.#pending.set(userId, fetched)
    const outcome = await fetched
    this.#pending.delete(userId)
    return outcome
  }

  /** Never rejects. */
  async #fetch(userId: string, api: ClerkApi): Promise<UserJSON | Refusal> {
    const ask = async (signal: AbortSignal) =>
      userOf(userId, await api.ask(`users/${encodeURIComponent(userId)}`, signal))
    try {
      const user = await withTimeLimit(this.#clock, this.#options.timeout, ask, this.#closing.signal)
      this.#users.set(userId, user)
      return user
    } catch (cause) {
      const isGone = cause instanceof ClerkStatusError && cause.status === 404
      const failure = isGone ? UNKNOWN_USER : unavailable(cause)
      this.#failures.set(userId, failure)
      return failure
    }
  }
}

/** Accepts only the data of the requested user, because handlers show it and decide by it. */
function userOf(userId: string, answer: unknown): UserJSON {
  if ((answer as { id?: unknown } | null)?.id === userId) return deepFreeze(answer as UserJSON)
  throw new Error('Clerk answered with a user other than the one requested')
}
