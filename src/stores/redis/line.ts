/** One connection for commands, from its making to its end. */
import type { OwnConnection, RedisSource } from './connection.ts'

/**
 * Milliseconds without an answer, where one is due, after which the peer is taken to be gone. TCP alone takes minutes to
 * notice.
 */
const SILENCE = 1_250
/** Milliseconds for an answer that has come while this process was held up, and only waits to be read. */
const GRACE = 250

export class Line {
  readonly madeAt = performance.now()
  readonly #connection: OwnConnection
  readonly #connected: Promise<unknown>
  readonly #onOver: () => void
  /** How to reject each command that is not answered yet. */
  readonly #pending = new Set<(cause: unknown) => void>()
  #heardAt = 0
  /** When a command was sent while no answer was due. */
  #askedAt = 0
  #watch: NodeJS.Timeout | undefined
  #retired = false
  #over = false

  /** @param onOver it takes no more commands. Called once. */
  constructor(source: RedisSource, onOver: () => void) {
    this.#onOver = onOver
    const onLost = (cause: unknown) => this.destroy(cause)
    this.#connection = source.open(onLost)
    this.#connected = this.#connection.connect()
    this.#connected.catch(onLost)
  }

  /** When the last answer came, in monotonic milliseconds. */
  get heardAt(): number {
    return this.#heardAt
  }

  send(args: readonly string[]): Promise<unknown> {
    if (this.#pending.size === 0) this.#askedAt = performance.now()
    if (this.#watch === undefined) this.#watchFor(SILENCE)
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      const answered = () => {
        this.#pending.delete(reject)
        this.#heardAt = performance.now()
        if (this.#retired && this.#pending.size === 0) this.destroy()
      }
      this.#connected
        .then(() => this.#connection.send(args))
        .finally(answered)
        .then(resolve, reject)
    })
  }

  /** Takes no more commands, and ends when those under way are answered or the peer is taken to be gone. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#onOver()
    if (this.#pending.size === 0) this.destroy()
  }

  /** Rejects the commands under way. Idempotent. */
  destroy(cause: unknown = new Error('The connection to Redis was closed')): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#watch)
    this.retire()
    this.#connection.destroy()
    for (const reject of this.#pending) reject(cause)
  }

  #watchFor(ms: number, last = false): void {
    this.#watch = setTimeout(() => {
      this.#watch = undefined
      if (this.#pending.size === 0) return
      const left = Math.max(this.#heardAt, this.#askedAt) + SILENCE - performance.now()
      if (left > 0) this.#watchFor(left)
      else if (!last) this.#watchFor(GRACE, true)
      else this.destroy(new Error(`Redis did not answer within ${SILENCE} ms`))
    }, ms).unref()
  }
}
