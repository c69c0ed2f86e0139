/**
 * Records in the store when keys were last used, apart from the requests that use them: in batches, one at a time, and
 * without any effect on whether a key is valid.
 */
import { LRUCache } from 'lru-cache'
import type { WritableKeyStore } from '../stores/writable-key-store.ts'
import { systemClock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'

/** Milliseconds within which a further use of a key is not noted. */
const NOTE_INTERVAL = 60_000

export interface UsageRecorderOptions {
  /** Milliseconds from the first note to the flush of its batch. Default: 10,000. */
  interval?: number
  /** Milliseconds that a flush may take. Default: 5,000. */
  timeout?: number
  /** How many keys may wait for a flush; notes of others are dropped. As many last uses are remembered. Default: 10,000. */
  max?: number
  /** Called when a flush fails, at most once per interval. Its batch waits for the next flush. */
  onError?: (error: unknown) => void
}

/**
 * ```ts
 * const usage = new UsageRecorder(store, { onError: (err) => log.warn({ err }, 'last use of keys not recorded') })
 * usage.note(key.id, Date.now())
 * await usage.close()
 * ```
 */
export class UsageRecorder {
  readonly #store: Pick<WritableKeyStore, 'recordUse'>
  readonly #interval: number
  readonly #timeout: number
  readonly #max: number
  readonly #onError: (error: unknown) => void
  /** Key id → wall-clock milliseconds of its last use. */
  #pending = new Map<string, number>()
  /** Key id → when its use was last noted. Kept even when a cache no longer holds the key. */
  readonly #noted: LRUCache<string, number>
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  /** Whether a write has yet to settle, even past its time limit: a hung store must not get one write after another. */
  #unsettled = false
  #closed = false

  constructor(
    store: Pick<WritableKeyStore, 'recordUse'>,
    { interval = 10_000, timeout = 5_000, max = 10_000, onError = () => {} }: UsageRecorderOptions = {},
  ) {
    this.#store = store
    this.#interval = interval
    this.#timeout = timeout
    this.#max = max
    this.#onError = onError
    this.#noted = new LRUCache({ max })
  }

  /**
   * Notes a use for the next batch, unless one was noted within the last minute.
   *
   * @param now wall-clock milliseconds
   */
  note(keyId: string, now: number): void {
    if (this.#closed || (this.#pending.size >= this.#max && !this.#pending.has(keyId))) return
    const noted = this.#noted.get(keyId)
    // A clock that was set back must not silence a key.
    if (noted !== undefined && now >= noted && now - noted < NOTE_INTERVAL) return
    this.#noted.set(keyId, now)
    this.#pending.set(keyId, now)
    this.#arm()
  }

  /** Takes no more notes, and writes the waiting ones, once, within the time limit. Never throws. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#flushing
    await this.#flush()
  }

  #arm(): void {
    if (this.#closed || this.#timer !== undefined || this.#pending.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#flushing = this.#flush()
    }, this.#interval)
    this.#timer.unref()
  }

  async #flush(): Promise<void> {
    if (!this.#unsettled && this.#pending.size > 0) {
      const batch = this.#pending
      this.#pending = new Map()
      try {
        await withTimeLimit(systemClock, this.#timeout, () => this.#write(batch))
      } catch (error) {
        this.#putBack(batch)
        this.#onError(error)
      }
    }
    this.#arm()
  }

  async #write(batch: ReadonlyMap<string, number>): Promise<void> {
    this.#unsettled = true
    try {
      await this.#store.recordUse(new Map(Array.from(batch, ([id, time]) => [id, new Date(time)])))
    } finally {
      this.#unsettled = false
    }
  }

  /** Keeps a batch whose write failed, or may have failed: recording the same use twice changes nothing. */
  #putBack(batch: ReadonlyMap<string, number>): void {
    for (const [id, time] of batch) {
      // Notes made since then are newer.
      if (this.#pending.has(id) || this.#pending.size >= this.#max) continue
      this.#pending.set(id, time)
    }
  }
}
