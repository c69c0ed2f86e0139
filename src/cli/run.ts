/** Runs one command line, and answers its exit code. */
import { parseArgs } from 'node:util'
import { COMMANDS, type CommandEntry, OPTIONS, type Result, type Values } from './commands.ts'
import { EXIT, type ExitCode, exitCodeOf, UsageError } from './exit-codes.ts'
import { HELP } from './help.ts'
import { openStore } from './open-store.ts'

export interface Terminal {
  env: NodeJS.ProcessEnv
  /** The operator's user name. */
  user: string
  out: (text: string) => void
  err: (text: string) => void
  input: () => Promise<string>
}

export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    const { values, positionals } = parse(argv)
    if (values.help === true || argv.length === 0) {
      terminal.out(HELP)
      return argv.length === 0 ? EXIT.usage : EXIT.ok
    }
    const { command, args } = find(positionals)
    for (const name of Object.keys(values) as (keyof Values)[]) {
      if (!command.options.includes(name)) throw new UsageError(`This command does not take --${name}`)
    }
    print(terminal, await execute(command, args, values, terminal), values.json === true)
    return EXIT.ok
  } catch (error) {
    terminal.err(`${messageOf(error)}\n`)
    if (error instanceof UsageError) terminal.err('fastify-tenant-auth --help says how.\n')
    return exitCodeOf(error)
  }
}

function parse(argv: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function find(positionals: readonly string[]): { command: CommandEntry; args: readonly string[] } {
  for (const words of [1, 2]) {
    const command = COMMANDS.get(positionals.slice(0, words).join(' '))
    if (command !== undefined) return { command, args: positionals.slice(words) }
  }
  throw new UsageError(`There are the commands ${[...COMMANDS.keys()].join(', ')}`)
}

async function execute(
  command: CommandEntry,
  args: readonly string[],
  values: Values,
  { env, user, input }: Terminal,
): Promise<Result> {
  const { store, diagnose, close } = await openStore(env, values)
  try {
    return await command.run({ store, values, args, input, user })
  } catch (error) {
    if (exitCodeOf(error) === EXIT.unavailable) await diagnose()
    throw error
  } finally {
    await close()
  }
}

function print({ out, err }: Terminal, result: Result, asJson: boolean): void {
  if (asJson) {
    out(`${JSON.stringify(result.json, null, 2)}\n`)
    return
  }
  if (result.note !== undefined) err(`${result.note}\n`)
  if (result.out !== undefined) out(`${result.out}\n`)
}

/** With what is behind it: "the store did not answer" alone helps no operator. Causes hold no credential. */
function messageOf(error: unknown): string {
  const messages: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    const text = at.message || ('code' in at ? String(at.code) : at.name)
    if (!messages.includes(text)) messages.push(text)
  }
  return messages.join(': ')
}
