/** The wait between two heartbeats, which can be cut short. */
import type { Clock, Timer } from '../lib/clock.ts'

export class Pause {
  readonly #clock: Clock
  /** Whether `end` was called since the last pause. The next one then does not wait, so that no call is lost. */
  #ended = false
  #end: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns after `ms`, or as soon as it is ended; at once if `end` was called since the last pause. */
  async wait(ms: number): Promise<void> {
    let timer: Timer | undefined
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#end = resolve
        timer = this.#clock.setTimer(resolve, ms)
        timer.unref()
      })
    }
    timer?.cancel()
    this.#end = undefined
    this.#ended = false
  }

  end(): void {
    this.#ended = true
    this.cut()
  }

  /** Ends the pause under way, if there is one. */
  cut(): void {
    this.#end?.()
  }
}
