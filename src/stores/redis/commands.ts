/** A connection for commands: opened when it is first needed, and replaced when it is no longer usable. */
import { orAborted } from '../../lib/time-limit.ts'
import type { RedisSource } from './connection.ts'
import { Line } from './line.ts'

/** Milliseconds. A younger connection is not replaced, because the next one would not fare better. */
const YOUNG = 100

/**
 * Errors of a server that serves no one: a replica, a primary that has lost its replicas, a server that is still
 * loading. If another server has taken over, a new connection leads to it.
 */
const WRONG_SERVER = /^-?(?:READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS)\b/

export interface SendOptions {
  signal?: AbortSignal | undefined
  /** Whether to send it again although it may have been carried out. Default: `false`. */
  repeatable?: boolean
}

export class Commands {
  readonly #source: RedisSource
  readonly #onWrongServer: (words: string) => void
  #line: Line | undefined

  /** @param onWrongServer called when the connection has led to an unusable server: others may lead there, too */
  constructor(source: RedisSource, onWrongServer: (words: string) => void) {
    this.#source = source
    this.#onWrongServer = onWrongServer
    source.onEnd(() => this.#line?.destroy())
  }

  /**
   * Sends a command. If nothing was done, or the command is repeatable, sends it again on another connection. Rejects
   * with the signal's reason as soon as it is aborted.
   */
  async send(args: readonly string[], { signal, repeatable = false }: SendOptions = {}): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const sentAt = performance.now()
      const line = (this.#line ??= this.#open())
      try {
        const answer = line.send(args)
        return await (signal === undefined ? answer : orAborted(answer, signal))
      } catch (error) {
        const wrongServer = error instanceof Error && WRONG_SERVER.test(error.message)
        const young = performance.now() - line.madeAt < YOUNG
        // A line that is still opening goes on: the next one would take as long, and so none would ever open.
        const unheard = signal?.aborted === true && line.heardAt > 0 && line.heardAt <= sentAt
        if (!young && (wrongServer || unheard)) line.retire()
        if (wrongServer) this.#onWrongServer(error.message)
        const isOver = this.#line !== line
        if (attempt > 1 || young || !isOver || signal?.aborted === true) throw error
        if (!wrongServer && !repeatable) throw error
      }
    }
  }

  /** Closes the connection when what is under way is answered. The next command opens another one. */
  hangUp(): void {
    this.#line?.retire()
  }

  #open(): Line {
    if (!this.#source.isOpen()) throw new Error('The client that the store was given is not connected')
    const line: Line = new Line(this.#source, () => {
      if (this.#line === line) this.#line = undefined
    })
    return line
  }
}
