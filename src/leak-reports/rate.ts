/** Limits how many reports an address may send in a minute. */
import { LRUCache } from 'lru-cache'
import { type Clock, systemClock } from '../lib/clock.ts'

const MINUTE = 60_000

export class Rate {
  readonly #max: number
  readonly #clock: Clock
  /** The least recently seen go first, so a stranger with many addresses costs no more memory. */
  readonly #windows = new LRUCache<string, { since: number; count: number }>({ max: 10_000 })

  constructor(max: number, clock = systemClock) {
    this.#max = max
    this.#clock = clock
  }

  /** @throws 429 */
  count(address: string): void {
    const now = this.#clock.now()
    let window = this.#windows.get(address)
    if (window === undefined || now - window.since >= MINUTE) {
      window = { since: now, count: 0 }
      this.#windows.set(address, window)
    }
    window.count++
    if (window.count <= this.#max) return
    throw Object.assign(new Error('Too many reports from this address'), {
      statusCode: 429,
      headers: { 'retry-after': String(Math.ceil((window.since + MINUTE - now) / 1_000)) },
    })
  }
}
