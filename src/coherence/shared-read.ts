/** One read for many who ask at the same time: a hundred confirmations that wait at once poll like one. */
export class SharedRead<Answer> {
  readonly #start: () => Promise<Answer>
  /** Fulfilled when the read that runs at present is over. */
  #idle: Promise<unknown> = Promise.resolve()
  #next: Promise<Answer> | undefined

  constructor(start: () => Promise<Answer>) {
    this.#start = start
  }

  /** The answer of a read that begins after this call. One that runs already may have missed what the caller must see. */
  read(): Promise<Answer> {
    if (this.#next === undefined) {
      const next = this.#idle.then(() => {
        this.#next = undefined
        return this.#start()
      })
      this.#next = next
      this.#idle = next.catch(() => {})
    }
    return this.#next
  }
}
