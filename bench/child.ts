/** A process of the bench: pinned to a core if the machine allows it, controlled by messages, ended with its parent. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'

const PINNING = spawnSync('taskset', ['-V']).status === 0 && availableParallelism() > 1
/** Servers share the first core, and load runs on the second, so that neither takes time from the other. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

export class Child {
  readonly #process: ChildProcess

  /**
   * @param file the name of a file in `processes/`, without its ending
   * @param checkout the checkout whose build is measured. Default: this one
   */
  constructor(
    file: string,
    args: readonly string[],
    core: number,
    nodeOptions: readonly string[] = [],
    checkout?: string,
  ) {
    const command = [
      process.execPath,
      ...nodeOptions,
      new URL(`processes/${file}.mjs`, import.meta.url).pathname,
      ...args,
    ]
    const [program, ...rest] = PINNING ? ['taskset', '-c', String(core), ...command] : command
    this.#process = spawn(program as string, rest, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // For messages with the credentials of a million keys.
      serialization: 'advanced',
      env: { ...process.env, NODE_ENV: 'production', ...(checkout && { BENCH_CHECKOUT: checkout }) },
    })
  }

  /** Waits for the next message. */
  answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: T) => {
        this.#process.off('exit', onExit)
        resolve(message)
      }
      const onExit = () => reject(new Error(`${this.#process.spawnargs.join(' ')} ended`))
      this.#process.once('message', onMessage).once('exit', onExit)
    })
  }

  async ask<T>(question: unknown): Promise<T> {
    const answer = this.answer<T>()
    this.#process.send(question as object)
    return answer
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || !this.#process.connected) return
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }
}
