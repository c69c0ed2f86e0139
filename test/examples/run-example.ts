/** Runs a file of `examples/` as a process, as a reader would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyDatabase } from '../harness/database.ts'
import { program } from '../harness/program.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** In milliseconds. Generous, because machines that run tests are slow and shared. */
const PATIENCE = 120_000

export interface RunningExample {
  /** Returns all that it has written so far, to standard output and standard error. */
  output(): string
  /** The URL that it listens on. */
  address: string
  /** Sends a signal, and returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Returns the variables that a process inherits from a test run: for coverage and for watching its logs. */
function ofTheRun(): NodeJS.ProcessEnv {
  const { PATH, NODE_V8_COVERAGE, NODE_OPTIONS, WATCH_LOGS, TEST_BUILD } = process.env
  return { PATH, NODE_V8_COVERAGE, NODE_OPTIONS, WATCH_LOGS, TEST_BUILD }
}

/** Starts the process of an example, with the given settings and none of this process. */
export function spawnExample(
  file: string,
  env: NodeJS.ProcessEnv = {},
  args: readonly string[] = [],
): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [...program(`examples/${file}`), ...args], {
    cwd: ROOT,
    env: { ...ofTheRun(), PORT: '0', DRAIN_SECONDS: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
  }
  return { child, output: () => output }
}

/** Starts an example, and waits until it has written where it listens and what `until` matches. */
export async function startExample(
  file: string,
  { env, args, until = /./ }: { env?: NodeJS.ProcessEnv; args?: readonly string[]; until?: RegExp } = {},
): Promise<RunningExample> {
  if (env?.DATA_FOLDER !== undefined) await copyDatabase(join(env.DATA_FOLDER, 'postgres'))
  const { child, output } = spawnExample(file, env, args)
  const exited = once(child, 'close') as Promise<[number | null]>
  const deadline = Date.now() + PATIENCE
  for (;;) {
    const address = /http:\/\/[\w.:[\]-]+:\d+/.exec(output())?.[0]
    if (address !== undefined && until.test(output())) {
      return {
        output,
        address: address.replace('[::1]', 'localhost'),
        async stop(signal = 'SIGTERM') {
          child.kill(signal)
          return (await exited)[0]
        },
      }
    }
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${file} does not listen:\n${output()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Starts the reference app with its development sign-in, as `npm start` does. */
export function startSample(env: NodeJS.ProcessEnv, until = /\/dashboard/): Promise<RunningExample> {
  return startExample('loom-api/server.ts', { env, args: ['--dev-sign-in'], until })
}

/** Runs a shell command to its end, as if it were copied from a document. */
export async function runShell(command: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  // A document's curl shows its progress; here only the answer counts.
  const script = `set -e\ncurl() { command curl -sS "$@"; }\n${command}`
  const child = spawn('bash', ['-c', script], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written: string[] = []
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => written.push(chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => written.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} exited with ${code}:\n${written.join('')}`)
  return written.join('')
}
