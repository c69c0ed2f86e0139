/** The time between two heartbeats, which anybody may cut short. */
import type { Clock, Timer } from '../lib/clock.ts'

export class Pause {
  readonly #clock: Clock
  /** Ended before it began: whoever had something to say must not wait for the next heartbeat. */
  #ended = false
  #end: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns after `ms`, or as soon as it is ended: at once where that has happened since the last pause. */
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
