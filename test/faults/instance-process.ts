/** A handle on an instance: starts its process, calls its actions, stops, continues and kills it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { program } from '../harness/program.ts'
import { killAtExit } from '../servers/kill-at-exit.ts'
import type { TcpProxy } from '../servers/index.ts'
import type { PushFilter } from './push-filter.ts'
import type { ActionName, Actions, Answer, Call, InstanceOptions } from './instance.ts'

const PROGRAM = program('test/faults/instance.ts')
/** How many lines of the log to keep, to investigate a violation. */
const LOG_LENGTH = 200
/** Milliseconds that an instance may take to leave the fleet. */
const LEAVE_LIMIT = 10_000

type Value<N extends ActionName> = Awaited<ReturnType<Actions[N]>>

/** Between an instance and its store. */
export interface Way {
  proxy: TcpProxy
  pushes: PushFilter
}

/** The result of a call. `error` if it threw, or the process ended. */
export interface Outcome<T> {
  committed?: number
  returned?: number
  value?: T
  error?: string
}

export class Instance {
  readonly name: string
  readonly proxy: TcpProxy
  readonly pushes: PushFilter
  /** Its latest warnings and errors. */
  readonly log: string[] = []
  /** How often each message that is not about a request was logged. */
  readonly said = new Map<string, number>()
  port = 0
  /** Why the process ended, if it ended by itself. */
  crash: string | undefined
  #child: ChildProcess
  #ending = false
  #calls = new Map<number, (answer: Answer) => void>()
  #lastId = 0
  #callOff: (() => void) | undefined

  static async start(name: string, way: Way, options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(name, way, options)
    await instance.#started()
    return instance
  }

  private constructor(name: string, { proxy, pushes }: Way, options: InstanceOptions) {
    this.name = name
    this.proxy = proxy
    this.pushes = pushes
    this.#child = fork(PROGRAM.at(-1) ?? '', [JSON.stringify(options)], {
      execArgv: [...PROGRAM.slice(0, -1), '--expose-gc'],
      serialization: 'advanced',
      // Writing a coverage report would delay the end of the process, which the trial waits for.
      env: { ...process.env, NODE_V8_COVERAGE: '' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#note(line))
    }
    this.#child.on('message', (answer: Answer) => {
      this.#calls.get(answer.id)?.(answer)
      this.#calls.delete(answer.id)
    })
    this.#child.once('exit', (code, signal) => {
      if (!this.#ending) this.crash = `ended with ${code ?? signal}`
      for (const [id, settle] of this.#calls) settle({ id, error: 'the process has ended' })
      this.#calls.clear()
    })
  }

  #note(line: string): void {
    this.log.push(line)
    this.log.splice(0, this.log.length - LOG_LENGTH)
    const message = line.includes('"reqId"') ? undefined : /"msg":"([^"]+)"/.exec(line)?.[1]
    if (message !== undefined) this.said.set(message, (this.said.get(message) ?? 0) + 1)
  }

  async #started(): Promise<void> {
    // Not `exit`: some of the log may arrive after it.
    const ended = once(this.#child, 'close').then(() => {
      throw new Error(`instance ${this.name} did not start\n${this.log.join('\n')}`)
    })
    await Promise.race([once(this.#child, 'message'), ended])
    ended.catch(() => {})
    const { value } = await this.do('port')
    this.port = value ?? 0
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The last log lines that are not about a request. */
  changes(): string[] {
    return this.log.filter((line) => !line.includes('"reqId"')).slice(-10)
  }

  /** Calls an action. Never throws, because calls are expected to fail in a trial. */
  do<N extends ActionName>(name: N, ...args: Parameters<Actions[N]>): Promise<Outcome<Value<N>>> {
    if (name === 'dieRevoking') this.#ending = true
    return new Promise((resolve) => {
      const id = ++this.#lastId
      this.#calls.set(id, ({ id: _id, ...outcome }) => resolve(outcome as Outcome<Value<N>>))
      this.#child.send({ id, name, args } satisfies Call, (error) => {
        if (error !== null && this.#calls.delete(id)) resolve({ error: error.message })
      })
    })
  }

  /** Stops the process with SIGSTOP. Requests queue up in its sockets. */
  pause(): void {
    this.#callOff ??= killAtExit(this.#child.pid ?? 0)
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
    this.#callOff?.()
    this.#callOff = undefined
  }

  /** Makes the instance leave the fleet, and then ends the process. */
  async leave(): Promise<void> {
    this.#ending = true
    await Promise.race([this.do('leave'), sleep(LEAVE_LIMIT)])
    await this.kill()
  }

  async kill(): Promise<void> {
    this.#ending = true
    if (!this.isRunning) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
    this.#callOff?.()
  }
}
