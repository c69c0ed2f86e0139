/**
 * Remembers verified tokens under the SHA-256 of the whole token. Bad tokens have a separate cache, so a forged token that
 * is sent again costs no more than a good one. This delays no revocation: a session token is valid offline until `exp`
 * either way, and every hit compares `exp`, `nbf`, `iat` and the age of the key set with the clock.
 */
import { LRUCache } from 'lru-cache'
import type { Refusal } from '../http/refusal.ts'
import { unavailable } from './refusals.ts'
import type { Session } from './session-token.ts'

/** How many bad tokens to remember. */
const MAX_REFUSED = 1_000

/** Milliseconds for which a bad token is refused without another verification. */
const REFUSED_FOR = 60_000
/** The same for a token that may turn out to be good once Clerk adds a key. */
const A_MOMENT = 1_000

/** Verifications under way. Without a limit, a stranger could take the whole CPU with tokens that all differ. */
const MAX_AT_ONCE = 1_000

interface RefusedToken {
  readonly refusal: Refusal
  readonly until: number
}

export class SessionCache {
  readonly #sessions: LRUCache<string, Session> | undefined
  readonly #refused: LRUCache<string, RefusedToken> | undefined
  readonly #verify: (token: string) => Promise<Session | Refusal>
  readonly #pending = new Map<string, Promise<Session | Refusal>>()

  /** @param max - 0 remembers nothing; concurrent requests with the same token still share a verification */
  constructor(max: number, verify: (token: string) => Promise<Session | Refusal>) {
    this.#sessions = max === 0 ? undefined : new LRUCache({ max })
    this.#refused = max === 0 ? undefined : new LRUCache({ max: MAX_REFUSED })
    this.#verify = verify
  }

  /** Good tokens remembered. */
  get size(): number {
    return this.#sessions?.size ?? 0
  }

  /** On the hot path. */
  get(digest: string): Session | Refusal | undefined {
    const session = this.#sessions?.get(digest)
    // Expired or not yet valid: another verification says which.
    if (session !== undefined) return isWithin(session) ? session : undefined
    const refused = this.#refused?.get(digest)
    return refused !== undefined && Date.now() < refused.until ? refused.refusal : undefined
  }

  /** Verifies a token that is not remembered, once for all requests that wait for it. Never rejects. */
  async verify(token: string, digest: string): Promise<Session | Refusal> {
    const pending = this.#pending.get(digest)
    if (pending !== undefined) return pending
    if (this.#pending.size >= MAX_AT_ONCE) return TOO_MANY
    const verification = this.#verify(token)
    this.#pending.set(digest, verification)
    const outcome = await verification
    // `clear()` was called in the meantime: this verification may have used a withdrawn key, so do not remember it.
    if (this.#pending.get(digest) !== verification) return outcome
    this.#pending.delete(digest)
    this.#remember(digest, outcome)
    return outcome
  }

  /** Forgets everything, including verifications under way. */
  clear(): void {
    this.#sessions?.clear()
    this.#refused?.clear()
    this.#pending.clear()
  }

  #remember(digest: string, outcome: Session | Refusal): void {
    if ('user' in outcome) {
      if (isWithin(outcome)) this.#sessions?.set(digest, outcome)
      return
    }
    this.#sessions?.delete(digest)
    const { reason, cause } = outcome
    // These pass with time, or as soon as Clerk answers again.
    if (reason === 'not_yet_valid' || cause !== undefined) return
    const lasts = reason === 'unknown_key' || reason === 'unavailable' ? A_MOMENT : REFUSED_FOR
    this.#refused?.set(digest, { refusal: outcome, until: Date.now() + lasts })
  }
}

function isWithin({ from, until }: Session): boolean {
  const now = Date.now()
  return now >= from && now < until
}

/** Without an error to serialize, because any stranger can cause it. */
const TOO_MANY = Object.freeze(unavailable(undefined, { rule: 'too_many', expected: MAX_AT_ONCE }))
