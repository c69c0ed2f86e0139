/** How many members the fleet has, counted once a minute, for the operator. Best effort. */
import type { Clock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { FleetDriver } from './driver.ts'
import { POLL_LIMIT } from './fleet-barrier.ts'

/** Milliseconds between two counts. */
const INTERVAL = 60_000

export class MemberCount {
  readonly #driver: FleetDriver
  readonly #clock: Clock
  #countedAt = -Infinity
  #latest: number | null = null

  constructor(driver: FleetDriver, clock: Clock) {
    this.#driver = driver
    this.#clock = clock
  }

  /** `null` before the first count. */
  get latest(): number | null {
    return this.#latest
  }

  /** Counts, if it is time to. */
  async renew(epoch: number): Promise<void> {
    const now = this.#clock.now()
    if (now - this.#countedAt < INTERVAL) return
    this.#countedAt = now
    const reading = withTimeLimit(this.#clock, POLL_LIMIT, (signal) => this.#driver.readFleet(epoch, signal))
    this.#latest = (await reading.catch(() => null))?.instances ?? this.#latest
  }
}
