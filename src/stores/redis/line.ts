/** One connection for commands, from its opening to its end. */
import type { OwnConnection, RedisSource } from './connection.ts'

/**
 * The peer counts as gone when this many checks in a row find an answer due and none received: after a second and a
 * half, while TCP alone takes minutes. Checks count rather than time, because a process that is held up reads nothing.
 */
const LOOKS = 6
/** As `LOOKS`, until the first answer: TLS and the client's greeting take several round trips. Five seconds. */
const OPENING_LOOKS = 20
/** Milliseconds between checks. */
const PAUSE = 250

export class Line {
  readonly madeAt = performance.now()
  readonly #connection: OwnConnection
  readonly #connected: Promise<unknown>
  readonly #onOver: () => void
  /** How to reject each command that is not answered yet. */
  readonly #pending = new Set<(cause: unknown) => void>()
  #heardAt = 0
  #looks = 0
  #watch: NodeJS.Timeout | undefined
  #retired = false
  #over = false

  /** @param onOver called once, when the line takes no more commands */
  constructor(source: RedisSource, onOver: () => void) {
    this.#onOver = onOver
    const onLost = (cause: unknown) => this.destroy(cause)
    this.#connection = source.open(onLost)
    this.#connected = this.#connection.connect()
    this.#connected.catch(onLost)
  }

  /** When the last answer came, in monotonic milliseconds. 0 before the first. */
  get heardAt(): number {
    return this.#heardAt
  }

  send(args: readonly string[]): Promise<unknown> {
    if (this.#pending.size === 0) {
      this.#looks = 0
      if (this.#heardAt > 0) this.#connection.holdProcess(true)
    }
    if (this.#watch === undefined) this.#lookAgain()
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      const answered = () => {
        this.#pending.delete(reject)
        this.#heardAt = performance.now()
        this.#looks = 0
        if (this.#over || this.#pending.size > 0) return
        if (this.#retired) this.destroy()
        // A script or a test that forgets to close its app can still exit.
        else this.#connection.holdProcess(false)
      }
      this.#connected
        .then(() => this.#connection.send(args))
        .finally(answered)
        .then(resolve, reject)
    })
  }

  /** Takes no more commands, and ends when those under way are answered or the peer counts as gone. */
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

  #lookAgain(): void {
    this.#watch = setTimeout(() => {
      this.#watch = undefined
      if (this.#pending.size === 0) return
      const looks = this.#heardAt === 0 ? OPENING_LOOKS : LOOKS
      if (++this.#looks >= looks) this.destroy(new Error(`Redis did not answer within ${looks * PAUSE} ms`))
      else this.#lookAgain()
    }, PAUSE).unref()
  }
}
