/** Tracks whether the store answers look-ups, for readiness probes and for the person on call. */
import type { Clock, Timer } from '../lib/clock.ts'
import { maskedError } from '../lib/masked-error.ts'
import type { FleetMembership } from '../stores/coherent-key-store.ts'

/** Why this instance works less well than it should, and since when (milliseconds since 1970). */
export interface Degraded {
  since: number
  cause: unknown
}

/** Milliseconds between two attempts to find out whether a store answers. */
const RETRY_PAUSE = 1_000

export interface StoreHealthOptions {
  clock: Clock
  /** Absent for a store that is not shared by a fleet. */
  membership: FleetMembership | undefined
  /** Whether the store lives in this process, and so is always there. */
  isLocal: boolean
  /** Asks the store for a hash that no key has. */
  ask: () => Promise<unknown>
}

export class StoreHealth {
  readonly #options: StoreHealthOptions
  #closed = false
  #answered = false
  #retry: Timer | undefined
  #isTrying = false
  /** Why the last look-up failed, if it did. */
  #trouble: Degraded | null = null
  #degradedSince: number | null = null

  constructor(options: StoreHealthOptions) {
    this.#options = options
  }

  /**
   * Whether this instance has joined the fleet once or, without a fleet, whether the store has answered once. `false`
   * again as soon as it closes. A later outage makes it `degraded` but takes no traffic away, because no other instance
   * could do better.
   */
  get ready(): boolean {
    const { membership, isLocal } = this.#options
    if (this.#closed) return false
    if (membership !== undefined) return membership.joined
    if (!this.#answered && !isLocal) void this.#try()
    return this.#answered || isLocal
  }

  /** `null` if all is well. */
  get degraded(): Degraded | null {
    const { membership, clock } = this.#options
    const state = membership?.state ?? 'coherent'
    if (state === 'coherent' && this.#trouble === null) {
      this.#degradedSince = null
      return null
    }
    this.#degradedSince ??= this.#trouble?.since ?? clock.wall()
    const cause = this.#trouble?.cause ?? membership?.cause ?? new Error(`the key cache is ${state}`)
    return { since: this.#degradedSince, cause }
  }

  answered(): void {
    this.#answered = true
    this.#trouble = null
  }

  failed(error: unknown): void {
    this.#trouble = {
      since: this.#trouble?.since ?? this.#options.clock.wall(),
      cause: maskedError(error),
    }
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
  }

  /** Repeats until the store answers, because the readiness probe may be the only traffic. */
  async #try(): Promise<void> {
    if (this.#isTrying) return
    this.#isTrying = true
    try {
      await this.#options.ask()
    } catch {
      if (this.#closed) return
      this.#retry = this.#options.clock.setTimer(() => {
        this.#isTrying = false
        void this.#try()
      }, RETRY_PAUSE)
      this.#retry.unref()
    }
  }
}
