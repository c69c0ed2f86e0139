/** What surrounds a command: the process' environment, its user, and the three standard streams. */
import { fstatSync, statSync } from 'node:fs'
import { devNull } from 'node:os'
import type { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { isatty } from 'node:tty'

export interface Terminal {
  env: NodeJS.ProcessEnv
  /** The operator's user name. */
  user: string
  /** Standard output. Rejects where it cannot be written to. */
  out: (text: string) => Promise<void>
  /** Standard error. Where that is broken, too, nobody is left to tell. */
  err: (text: string) => Promise<void>
  /** All of standard input. */
  input: () => Promise<string>
  /** A person types standard input. */
  inputIsTerminal: boolean
  /** What goes to standard output is gone. */
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
    // A broken stream also says so here, and ends the process where nobody listens.
    stream.once('error', reject)
    stream.write(output, (error) => (error ? reject(error) : resolve()))
  })
}

/** Node opens the null device in the place of a standard stream that the shell has closed (`>&-`). */
function isNowhere(fd: number): boolean {
  const { rdev } = fstatSync(fd)
  return rdev !== 0 && rdev === statSync(devNull).rdev
}
