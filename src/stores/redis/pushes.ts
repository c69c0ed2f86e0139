/** The connection for pushes. Under RESP2, a connection that subscribes can do nothing else. */
import type { LinkEvents } from '../../coherence/driver.ts'
import { orAborted } from '../../lib/time-limit.ts'
import type { OwnConnection, RedisSource } from './connection.ts'

export class Pushes {
  readonly #connection: OwnConnection
  readonly #events: LinkEvents
  #askedAt: number | undefined
  #over = false

  constructor(source: RedisSource, events: LinkEvents) {
    this.#events = events
    this.#connection = source.open((cause) => this.lose(cause))
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Connects and subscribes. Leaves nothing behind if that fails. */
  async listen(channel: string, signal: AbortSignal): Promise<void> {
    const onMessage = (epoch: string) => this.#over || this.#events.onPush(Number(epoch))
    try {
      const listening = this.#connection.connect().then(() => this.#connection.subscribe(channel, onMessage))
      await orAborted(listening, signal)
      this.#connection.holdProcess(false)
    } catch (error) {
      this.destroy()
      throw error
    }
  }

  /**
   * Requests a sign of life, because a connection that only listens would never notice that its peer is gone.
   *
   * @returns whether one that was requested at least `ms` ago has not come. It may only wait to be read, because this
   *   process was held up; but then it is read before the answer to anything sent now.
   */
  isOverdue(ms: number): boolean {
    const now = performance.now()
    if (this.#askedAt !== undefined) return now - this.#askedAt >= ms
    this.#askedAt = now
    const answered = () => {
      this.#askedAt = undefined
    }
    this.#connection.send(['PING']).then(answered, () => {})
    return false
  }

  loseIfSilent(): void {
    if (this.#askedAt !== undefined)
      this.lose(new Error('The connection for pushes did not answer until the next heartbeat'))
  }

  lose(cause: unknown): void {
    if (this.#over) return
    this.destroy()
    this.#events.onLost(cause)
  }

  destroy(): void {
    this.#over = true
    this.#connection.destroy()
  }
}
