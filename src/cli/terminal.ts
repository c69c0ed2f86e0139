/** What a command gets from its process: the environment, the user and the three standard streams. */
import { fstatSync, statSync } from 'node:fs'
import { devNull } from 'node:os'
import type { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { isatty } from 'node:tty'

export interface Terminal {
  env: NodeJS.ProcessEnv
  /** The operator's user name. */
  user: string
  /** Writes to standard output. Rejects if that fails. */
  out: (text: string) => Promise<void>
  /** Writes to standard error. Never rejects, because the error could not be shown. */
  err: (text: string) => Promise<void>
  /** Reads all of standard input. */
  input: () => Promise<string>
  /** Whether a person types standard input. */
  inputIsTerminal: boolean
  /** Whether standard output is discarded. */
  outIsNowhere: boolean
}

export function processTerminal(): Terminal {
  return {
    env: process.env,
    user: `cli:${process.env.USER ?? process.env.USERNAME ?? 'unknown'}`,
    out: (output) => write(process.stdout, output),
    err: (output) => write(process.stderr, output).catch(() => {}),
    input: () => text(process.stdin),
    inputIsTerminal: isatty(0),
    outIsNowhere: isNowhere(1),
  }
}

function write(stream: Writable, output: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // A broken stream also emits `error`, which ends the process without a listener.
    stream.once('error', reject)
    stream.write(output, (error) => (error ? reject(error) : resolve()))
  })
}

/** Node opens the null device in place of a standard stream that the shell has closed (`>&-`). */
function isNowhere(fd: number): boolean {
  const { rdev } = fstatSync(fd)
  return rdev !== 0 && rdev === statSync(devNull).rdev
}
