/** For log lines that would come by the thousand: the first of a kind at once, and how many more there were. */
import { type Clock, systemClock } from './clock.ts'

/** Milliseconds within which the same thing is not said again. */
const INTERVAL = 1_000
/** Kinds that are told apart at once; further ones count as one. */
const MAX_KINDS = 100

export class Sampler {
  readonly #clock: Clock
  /** What has been said within the interval: how often it was the case again, and who says so. */
  readonly #said = new Map<string, { more: number; say: (more: number) => void }>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /**
   * Says something now, or counts it.
   *
   * @param say with 0 for the thing itself, and once the interval is over with how often it was the case again
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
