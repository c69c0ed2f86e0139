/** What is held in memory: good keys and, apart from them, refused ones. Whether it may be used is not decided here. */
import { LRUCache } from 'lru-cache'
import type { KeyEntry, KeyRefusal, Verdict } from './verdict.ts'

/** Refused keys held at most: apart, so that a flood of them cannot push out good ones (7). */
export const MAX_REFUSED = 1_000

export interface EntriesOptions {
  /** Good keys held at most. */
  max: number
  /** Milliseconds for which a refused key is held. */
  negativeTtl: number
}

interface CachedRefusal {
  readonly refusal: KeyRefusal
  /** Monotonic milliseconds. */
  readonly until: number
}

export class Entries {
  readonly #good: LRUCache<string, KeyEntry>
  readonly #refused: LRUCache<string, CachedRefusal>
  readonly #negativeTtl: number
  #evictions = 0

  /** @param onGone told of each good key that is held no longer */
  constructor({ max, negativeTtl }: EntriesOptions, onGone: (digest: string) => void) {
    this.#good = new LRUCache({
      max,
      dispose: (_entry, digest, reason) => {
        if (reason === 'evict') this.#evictions++
        if (reason !== 'set') onGone(digest)
      },
    })
    this.#refused = new LRUCache({ max: MAX_REFUSED })
    this.#negativeTtl = negativeTtl
  }

  /** Good keys pushed out by newer ones. */
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

  /** Why a key is refused, if that was found out a short while ago. */
  refusal(digest: string, now: number): KeyRefusal | undefined {
    const refused = this.#refused.get(digest)
    return refused !== undefined && now < refused.until ? refused.refusal : undefined
  }

  keep(digest: string, verdict: Verdict, now: number): void {
    if (typeof verdict === 'string') {
      this.#refused.set(digest, { refusal: verdict, until: now + this.#negativeTtl })
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
