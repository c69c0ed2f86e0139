/**
 * A server for tests, in its own process and its own folder: stopped and continued with all its children,
 * restarted on the same port and data, and never left behind, however the test ends.
 *
 * The last is the duty of a guard: a small shell process that waits for its standard input to end. That happens when
 * this process does, even by SIGKILL, which no exit handler sees.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { childrenOf } from './process-tree.ts'

/** Milliseconds within which a server must have started. Generous, because machines that run tests are busy. */
const START_LIMIT = 60_000

/** Ends the server and all that is left of it, then removes its folder. Arguments: folder, signal. */
const GUARD = String.raw`
children() {
  cat "/proc/$1/task/$1/children" 2>/dev/null || ps -A -o pid=,ppid= | awk -v pid="$1" '$2 == pid { print $1 }'
}
trap '' INT TERM HUP
while read -r _; do :; done
if pid=$(cat "$1/pid" 2>/dev/null); then
  left=$(children "$pid")
  kill -s "$2" "$pid"
  kill -s CONT "$pid" $left
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL "$pid" $left
fi
rm -rf "$1"
`

/** Who runs the server: servers such as PostgreSQL refuse to be root. */
export interface User {
  uid: number
  gid: number
}

/** An unprivileged user where this process is root, otherwise nobody but the user that runs this process. */
export function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const entry = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8'))
    if (entry !== null) return { uid: Number(entry[1]), gid: Number(entry[2]) }
  }
  throw new Error('a server must not run as root, and there is neither a user "postgres" nor "nobody"')
}

/** A new folder that the server's user owns. Root's temporary folder may be closed to others: then `/tmp`. */
export function makeFolder(name: string, user?: User): string {
  const folder = mkdtempSync(join(user === undefined ? tmpdir() : '/tmp', `${name}-`))
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  return folder
}

export interface ServerOptions {
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  folder: string
  port: number
  user?: User | undefined
  /** What ends the server at once and cleanly. */
  quitSignal: NodeJS.Signals
  /** Whether the server answers by now. Default: it accepts connections on its port. */
  isUp?: () => Promise<boolean>
}

export class ServerProcess {
  readonly host = '127.0.0.1'
  readonly #options: ServerOptions
  #child: ChildProcess | undefined

  constructor(options: ServerOptions) {
    this.#options = options
    const guard = spawn('sh', ['-c', GUARD, 'guard', options.folder, options.quitSignal.slice(3)], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    guard.unref()
    // A pipe's handle keeps a process alive by itself; the types do not know that this stream has one.
    ;(guard.stdin as unknown as { unref(): void }).unref()
  }

  get port(): number {
    return this.#options.port
  }

  /** Holds its data and its log; removed when this process ends. */
  get folder(): string {
    return this.#options.folder
  }

  /** The main process of the server. */
  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error('the server is not running')
    return pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** Starts the server, on the same port and data as before, and resolves when it accepts connections. */
  async start(): Promise<void> {
    const { command, args, env, folder, user, isUp = () => this.#accepts() } = this.#options
    const log = openSync(join(folder, 'log'), 'a')
    const stdio: SpawnOptions['stdio'] = ['ignore', log, log]
    const child = spawn(command, args, { cwd: folder, env, detached: true, stdio, ...user })
    closeSync(log)
    child.unref()
    const failed = new Promise<never>((_resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        if (this.#child === child) this.#forget()
        reject(
          new Error(`${command} ended (${code ?? signal})\n${readFileSync(join(folder, 'log'), 'utf8')}`),
        )
      })
    })
    failed.catch(() => {})
    if (child.pid === undefined) return failed
    this.#child = child
    writeFileSync(join(folder, 'pid'), String(child.pid))
    const up = async () => {
      for (const end = Date.now() + START_LIMIT; Date.now() < end && this.#child === child; await sleep(20)) {
        if (await isUp()) return
      }
      throw new Error(`${command} does not answer\n${readFileSync(join(folder, 'log'), 'utf8')}`)
    }
    await Promise.race([up(), failed])
  }

  /** Ends the server and waits until it has ended. `SIGKILL` lets it do nothing more. Its data stays. */
  async stop(signal: NodeJS.Signals = this.#options.quitSignal): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.ref()
    const ended = once(child, 'exit')
    const pids = this.#pids()
    send(signal === 'SIGKILL' ? pids : pids.slice(0, 1), signal)
    send(pids, 'SIGCONT')
    await ended
    this.#forget()
  }

  async restart(signal?: NodeJS.Signals): Promise<void> {
    await this.stop(signal)
    await this.start()
  }

  /** Freezes the server (SIGSTOP): it keeps its connections and does not answer. */
  pause(): void {
    // The main process first, so that it makes no more children; then those that it has.
    send([this.pid], 'SIGSTOP')
    send(this.#pids(), 'SIGSTOP')
  }

  resume(): void {
    send(this.#pids(), 'SIGCONT')
  }

  #pids(): number[] {
    return [this.pid, ...childrenOf(this.pid)]
  }

  #forget(): void {
    this.#child = undefined
    rmSync(join(this.#options.folder, 'pid'), { force: true })
  }

  #accepts(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, this.host, () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  }
}

function send(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      // It has ended in the meantime, as a child that is about to end may.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
