/** Thins out log lines that would come by the thousand: the first of a kind at once, then how many more there were. */
import { type Clock, systemClock } from './clock.ts'

/** Milliseconds during which the same kind is not logged again. */
const INTERVAL = 1_000
/** How many kinds to distinguish at once. Further ones count as one kind. */
const MAX_KINDS = 100

export class Sampler {
  readonly #clock: Clock
  /** The kinds logged within the interval: how often each has occurred again, and how to log that. */
  readonly #said = new Map<string, { more: number; say: (more: number) => void }>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /**
   * Logs a line now, or counts it.
   *
   * @param say called with 0 for the line itself and, after the interval, with how often it has occurred again
   */
  say(kind: string, say: (more: number) => void): void {
    const key = this.#said.size < MAX_KINDS || this.#said.has(kind) ? kind : ''
    const said = this.#said.get(key)
    if (said !== undefined) {
      said.more++
      said.say = say
      return
    }
    const saying = { more: 0, say }
    this.#said.set(key, saying)
    const over = () => {
      this.#said.delete(key)
      if (saying.more > 0) saying.say(saying.more)
    }
    this.#clock.setTimer(over, INTERVAL).unref()
    say(0)
  }
}
