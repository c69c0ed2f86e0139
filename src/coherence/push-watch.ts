/**
 * Watches whether pushes arrive. They prove nothing, and safety does not depend on them. But without them a change is
 * up to a heartbeat late, and an operator should know: LISTEN through PgBouncer in transaction mode reports success
 * and delivers nothing.
 */

export interface PushStats {
  /** `unknown` until the first change. */
  state: 'unknown' | 'alive' | 'silent'
  /** Milliseconds by which the last push came after the heartbeat that had found its change; 0 if it came first. */
  lag: number
}

export class PushWatch {
  readonly #onTurn: (silent: boolean) => void
  #state: PushStats['state'] = 'unknown'
  /** The operator was told that pushes are silent, and not yet that they are back. */
  #warned = false
  #lag = 0
  #pushedEpoch = -1
  /** The first change that a beat found before a push reported it, until that push or a warning. */
  #found: { epoch: number; at: number } | undefined

  constructor(onTurn: (silent: boolean) => void) {
    this.#onTurn = onTurn
  }

  pushed(epoch: number, now: number): void {
    this.#pushedEpoch = epoch
    this.#lag = 0
    if (this.#found !== undefined && epoch >= this.#found.epoch) {
      this.#lag = now - this.#found.at
      this.#found = undefined
    }
    if (this.#warned) this.#onTurn(false)
    this.#warned = false
    this.#state = 'alive'
  }

  /** A beat found changes up to `epoch`. */
  found(epoch: number, now: number): void {
    if (epoch > this.#pushedEpoch) this.#found ??= { epoch, at: now }
  }

  /** A later beat has found nothing new, so there was enough time for a push. */
  settled(now: number, grace: number): void {
    if (this.#found === undefined || now - this.#found.at < grace) return
    this.#found = undefined
    if (!this.#warned) this.#onTurn(true)
    this.#warned = true
    this.#state = 'silent'
  }

  /** For another history, whose epochs do not compare with earlier ones, or another connection, which may differ. */
  startOver(): void {
    this.#pushedEpoch = -1
    this.#found = undefined
    this.#state = 'unknown'
  }

  stats(): PushStats {
    return { state: this.#state, lag: this.#lag }
  }
}
