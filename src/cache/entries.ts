/** Holds good keys in memory and, separately, refused ones. Does not decide whether an entry may be used. */
import { LRUCache } from 'lru-cache'
import { type KeyEntry, type KeyRefusal, NEVER, OVER, type Verdict } from './verdict.ts'

/** How many refused keys to hold. They are held separately, so that a flood of them cannot push out good ones (7). */
export const MAX_REFUSED = 1_000

export interface EntriesOptions {
  /** How many good keys to hold. */
  max: number
  /** Milliseconds for which to hold a refused key. */
  negativeTtl: number
}

interface CachedRefusal {
  readonly refusal: KeyRefusal
  /** `until` and `renewedAt` are as in `KeyEntry`. */
  until: number
  renewedAt: number
}

/** A good key or a refused one. */
export type Held = KeyEntry | CachedRefusal

export class Entries {
  readonly #good: LRUCache<string, KeyEntry>
  readonly #refused: LRUCache<string, CachedRefusal>
  readonly #negativeTtl: number
  #evictions = 0

  /** @param onGone called with the digest of each good key that is no longer held */
  constructor({ max, negativeTtl }: EntriesOptions, onGone: (digest: string) => void) {
    this.#good = new LRUCache({
      max,
      dispose: (entry, digest, reason) => {
        entry.until = OVER // (2)
        if (reason === 'evict') this.#evictions++
        if (reason !== 'set') onGone(digest)
      },
    })
    this.#refused = new LRUCache({
      max: MAX_REFUSED,
      dispose: (refused) => {
        refused.until = OVER // (2)
      },
    })
    this.#negativeTtl = negativeTtl
  }

  /** How many good keys newer ones have pushed out. */
  get evictions(): number {
    return this.#evictions
  }

  get goodCount(): number {
    return this.#good.size
  }

  get refusedCount(): number {
    return this.#refused.size
  }

  /** A good key, however old. */
  get(digest: string): KeyEntry | undefined {
    return this.#good.get(digest)
  }

  /** A good key or a refused one, however old. */
  any(digest: string): Held | undefined {
    return this.#good.get(digest) ?? this.#refused.get(digest)
  }

  keep(digest: string, verdict: Verdict, now: number): void {
    if (typeof verdict === 'string') {
      this.#refused.set(digest, {
        refusal: verdict,
        until: Math.floor(now + this.#negativeTtl),
        renewedAt: NEVER,
      })
    } else {
      this.#refused.delete(digest)
      this.#good.set(digest, verdict)
    }
  }

  dropGood(digest: string): void {
    this.#good.delete(digest)
  }

  drop(digest: string): void {
    this.#good.delete(digest)
    this.#refused.delete(digest)
  }

  clear(): void {
    this.#good.clear()
    this.#refused.clear()
  }
}
