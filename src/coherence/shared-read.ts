/** One read for many simultaneous callers: a hundred confirmations that wait at once poll like one. */
export class SharedRead<Answer> {
  readonly #start: (highest: number) => Promise<Answer>
  /** Fulfilled when the last read that was requested has ended. */
  #idle: Promise<unknown> = Promise.resolve()
  #next: Promise<Answer> | undefined
  #highest = -Infinity

  /** @param start called with the highest number that any caller passed */
  constructor(start: (highest: number) => Promise<Answer>) {
    this.#start = start
  }

  /** The answer of a read that begins after this call. One that runs already may have missed what the caller must see. */
  read(number: number): Promise<Answer> {
    this.#highest = Math.max(this.#highest, number)
    if (this.#next === undefined) {
      const next = this.#idle.then(() => {
        const highest = this.#highest
        this.#next = undefined
        this.#highest = -Infinity
        return this.#start(highest)
      })
      this.#next = next
      this.#idle = next.catch(() => {})
    }
    return this.#next
  }
}
