/** The command line as a process, as a shell runs it. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Outcome {
  code: number | null
  out: string
  err: string
}

/**
 * @param input what the process reads from standard input
 * @param redirection what follows the command in a shell: `| true`, `>/dev/full`, `>&-`. The exit code is the command's own
 */
export async function cli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = '',
  redirection?: string,
): Promise<Outcome> {
  const { PATH, NODE_V8_COVERAGE } = process.env
  const command = [process.execPath, '--import', 'tsx', MAIN, ...args]
  const [program = '', ...rest] = redirection
    ? ['bash', '--norc', '-c', `"$@" ${redirection}; exit \${PIPESTATUS[0]}`, 'bash', ...command]
    : command
  const child = spawn(program, rest, { env: { PATH, NODE_V8_COVERAGE, USER: 'operator', ...env } })
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [code, out, err] = await Promise.all([exited, text(child.stdout), text(child.stderr)])
  return { code, out, err }
}
