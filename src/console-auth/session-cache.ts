/**
 * Remembers tokens that were verified, under the SHA-256 of the whole token. That delays no revocation: a session token
 * is valid offline until `exp` either way, and `exp`, `nbf` and `iat` are compared with the clock on every hit.
 */
import { LRUCache } from 'lru-cache'
import type { Refusal } from '../http/refusal.ts'
import type { Session } from './session-token.ts'

/** Milliseconds after which a token is verified anew, so that a withdrawn key is noticed for long-lived ones, too. */
const MAX_AGE = 300_000

interface Entry {
  readonly session: Session
  readonly from: number
  readonly until: number
}

export class SessionCache {
  readonly #entries: LRUCache<string, Entry> | undefined
  readonly #verify: (token: string) => Promise<Session | Refusal>
  readonly #pending = new Map<string, Promise<Session | Refusal>>()

  /** @param max - 0: nothing is remembered, requests with the same token still share a verification */
  constructor(max: number, verify: (token: string) => Promise<Session | Refusal>) {
    this.#entries = max === 0 ? undefined : new LRUCache({ max })
    this.#verify = verify
  }

  get size(): number {
    return this.#entries?.size ?? 0
  }

  /** On the hot path. */
  get(digest: string): Session | undefined {
    const entry = this.#entries?.get(digest)
    if (entry === undefined) return undefined
    const now = Date.now()
    // Not in its time: the verification says why.
    return now >= entry.from && now < entry.until ? entry.session : undefined
  }

  /** Verifies a token that is not remembered, once for all requests that wait for it. Never rejects. */
  async verify(token: string, digest: string): Promise<Session | Refusal> {
    const pending = this.#pending.get(digest)
    if (pending !== undefined) return pending
    const verification = this.#verify(token)
    this.#pending.set(digest, verification)
    const outcome = await verification
    // Cleared in the meantime, perhaps with another verification begun since: this one used a key that may be withdrawn.
    if (this.#pending.get(digest) !== verification) return outcome
    this.#pending.delete(digest)
    if ('user' in outcome) this.#remember(digest, outcome)
    else this.#entries?.delete(digest)
    return outcome
  }

  /** Forgets everything, verifications under way included. */
  clear(): void {
    this.#entries?.clear()
    this.#pending.clear()
  }

  #remember(digest: string, session: Session): void {
    const until = Math.min(session.notAfter, Date.now() + MAX_AGE)
    this.#entries?.set(digest, { session, from: session.notBefore, until })
  }
}
