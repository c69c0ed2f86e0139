/** Runs one command line, and returns its exit code. */
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { COMMANDS, COMMON, type CommandEntry, type Result } from './commands.ts'
import { completion } from './completion.ts'
import { holdsKey } from '../keys/key-text.ts'
import { codeOf, EXIT, type ExitCode, exitCodeOf, UsageError } from './exit-codes.ts'
import { help, helpOf } from './help.ts'
import { type OpenStore, openStore, type StoreOptions } from './open-store.ts'
import { meant, parse, type Values } from './options.ts'
import { printable } from './output.ts'
import type { Terminal } from './terminal.ts'

type Open = (env: NodeJS.ProcessEnv, options: StoreOptions) => Promise<OpenStore>

/** @param open opens the store that the environment names */
export async function run(
  argv: readonly string[],
  terminal: Terminal,
  open: Open = openStore,
): Promise<ExitCode> {
  if (argv.length === 0) {
    await terminal.err(help())
    return EXIT.usage
  }
  try {
    await answer(argv, terminal, open)
    return EXIT.ok
  } catch (error) {
    // From the raw arguments, because they may be what could not be parsed.
    await terminal.err(argv.includes('--json') ? asJson(error) : asText(error))
    return exitCodeOf(error)
  }
}

async function answer(argv: readonly string[], terminal: Terminal, open: Open): Promise<void> {
  if (argv.some(holdsKey)) {
    throw new UsageError(
      'An argument holds an API key, which other users can see, and your shell remembers: revoke it. identify and import read a key from standard input',
    )
  }
  if (argv.length === 1 && argv[0] === '--version') return terminal.out(`${version()}\n`)
  const { values, positionals } = parse(argv)
  const [first, ...rest] = positionals
  if (first === 'version') return terminal.out(`${version()}\n`)
  if (first === 'completion') return terminal.out(completion(rest[0]))
  if (first === 'help' || first === undefined || values.help === true) {
    return terminal.out(helpFor(first === 'help' ? rest : positionals))
  }
  const { name, command, args } = find(positionals)
  const [id = ''] = args
  const { argument, required = [], options = [], makesKey } = command
  const taken = new Set([...required, ...options, ...COMMON])
  for (const option of Object.keys(values) as (keyof Values)[]) {
    if (!taken.has(option)) throw new UsageError(`"${name}" does not take --${option}`)
  }
  const missing = required.find((option) => values[option] === undefined)
  if (missing !== undefined) throw new UsageError(`--${missing} is missing`)
  if (args.length !== (argument === undefined ? 0 : 1)) {
    throw new UsageError(
      `"${name}" takes ${argument === undefined ? 'options only' : `one argument: ${argument}`}`,
    )
  }
  if (makesKey && terminal.outIsNowhere) {
    throw new Error('Nothing reads standard output, so the key would be lost: no key was made')
  }
  await execute(command, id, values, terminal, open)
}

function find(positionals: readonly string[]): {
  name: string
  command: CommandEntry
  args: readonly string[]
} {
  for (const words of [1, 2]) {
    const name = positionals.slice(0, words).join(' ')
    const command = COMMANDS.get(name)
    if (command !== undefined) return { name, command, args: positionals.slice(words) }
  }
  const typed = positionals.slice(0, 2).join(' ')
  const names = [...COMMANDS.keys()]
  const hint = meant(typed, names)
  throw new UsageError(
    `Unknown command ${JSON.stringify(printable(typed))}${hint === '' ? `. The commands are ${names.join(', ')}` : hint}`,
  )
}

/** Help for all commands, for a group, or for one. */
function helpFor(positionals: readonly string[]): string {
  const group = positionals.join(' ')
  if (group === '' || [...COMMANDS.keys()].some((name) => name.startsWith(`${group} `))) return help(group)
  const { name, command } = find(positionals)
  return helpOf(name, command)
}

async function execute(
  command: CommandEntry,
  id: string,
  values: Values,
  terminal: Terminal,
  open: Open,
): Promise<void> {
  const { store, diagnose, close } = await open({ ...fromFile(values['env-file']), ...terminal.env }, values)
  try {
    // Prints before it closes the store: an error while closing must not lose a new key.
    await print(terminal, await command.run({ ...terminal, store, values, id }), values.json === true)
  } catch (error) {
    if (exitCodeOf(error) === EXIT.unavailable) await diagnose()
    throw error
  } finally {
    // An error is ignored, because the command has run and the process ends.
    await close().catch(() => {})
  }
}

async function print({ out, err }: Terminal, result: Result, json: boolean): Promise<void> {
  if (!json && result.note !== undefined) await err(`${result.note}\n`)
  const output = json ? JSON.stringify(result.json, null, 2) : result.out
  if (output === undefined) return
  try {
    await out(`${output}\n`)
  } catch (error) {
    const what =
      result.newKeyId === undefined
        ? 'Standard output cannot be written to'
        : `The key could not be written and is lost: revoke ${result.newKeyId}`
    throw new Error(`${what} (${messageOf(error)})`, { cause: error })
  }
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

function fromFile(file: string | undefined): NodeJS.Dict<string> {
  if (file === undefined) return {}
  try {
    return parseEnv(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`--env-file cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function asText(error: unknown): string {
  const hint = error instanceof UsageError ? 'fastify-tenant-auth --help says how.\n' : ''
  return `${messageOf(error)}\n${hint}`
}

function asJson(error: unknown): string {
  return `${JSON.stringify({ error: { code: codeOf(error), message: messageOf(error) } })}\n`
}

/** The option on the command line for each name in messages of the key manager. */
const TYPED: Record<string, string> = {
  createdBy: '--created-by',
  endedBefore: '--before',
  endsBefore: '--ends-before',
  environment: '--env',
  environments: '--env',
  expiresAt: '--expires',
  grace: '--grace',
  hash: '--hash',
  id: '--id',
  idempotencyKey: '--idempotency-key',
  last4: '--last4',
  name: '--name',
  networks: '--network',
  prefix: '--key-prefix',
  schema: '--schema',
  scopes: '--scope',
  search: '--search',
  start: '--start',
  status: '--status',
  tenantId: '--tenant',
  unusedSince: '--unused-since',
}

/** Adds the causes, because "the store did not answer" alone does not help an operator. Causes contain no credential. */
function messageOf(error: unknown): string {
  const messages: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    const text = at.message || ('code' in at ? String(at.code) : at.name)
    if (!messages.some((message) => message.includes(text))) messages.push(text)
  }
  return messages
    .join(': ')
    .replace(/^(?:KeyManager: )?(\w+)(?= must be )/, (_, name: string) => TYPED[name] ?? name)
}
