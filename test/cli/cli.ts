/** Runs the command line, in this process or in a process of its own. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { run } from '../../src/cli/run.ts'
import { program } from '../harness/program.ts'

export interface Outcome {
  code: number | null
  out: string
  err: string
}

/** Runs a command in this process, which saves starting Node for each. */
export async function command(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
): Promise<Outcome> {
  const written = { out: '', err: '' }
  const code = await run(args, {
    env,
    user: 'cli:operator',
    out: async (output) => void (written.out += output),
    err: async (output) => void (written.err += output),
    input: async () => input,
    inputIsTerminal: false,
    outIsNowhere: false,
  })
  return { code, ...written }
}

/**
 * Runs a command as a shell does: for pipes, standard streams and exit codes.
 *
 * @param input what the process reads from standard input @param redirection what follows the command in a
 *   shell: `| true`, `>/dev/full`, `>&-`. Does not affect the exit code
 */
export async function cli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
  redirection?: string,
): Promise<Outcome> {
  const { PATH, NODE_V8_COVERAGE } = process.env
  const node = [process.execPath, ...program('src/cli/main.ts'), ...args]
  const [file = '', ...rest] = redirection
    ? ['bash', '--norc', '-c', `"$@" ${redirection}; exit \${PIPESTATUS[0]}`, 'bash', ...node]
    : node
  const child = spawn(file, rest, { env: { PATH, NODE_V8_COVERAGE, USER: 'operator', ...env } })
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [code, out, err] = await Promise.all([exited, text(child.stdout), text(child.stderr)])
  return { code, out, err }
}
