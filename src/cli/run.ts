/** Runs one command line, and answers its exit code. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { COMMANDS, type CommandEntry, OPTIONS, type Result, type Values } from './commands.ts'
import { holdsKey } from '../keys/key-text.ts'
import { codeOf, EXIT, type ExitCode, exitCodeOf, UsageError } from './exit-codes.ts'
import { HELP } from './help.ts'
import { type OpenStore, openStore, type StoreOptions } from './open-store.ts'
import type { Terminal } from './terminal.ts'

type Open = (env: NodeJS.ProcessEnv, options: StoreOptions) => Promise<OpenStore>

/** @param open opens the store that the environment names */
export async function run(
  argv: readonly string[],
  terminal: Terminal,
  open: Open = openStore,
): Promise<ExitCode> {
  if (argv.length === 0) {
    await terminal.err(HELP)
    return EXIT.usage
  }
  try {
    await answer(argv, terminal, open)
    return EXIT.ok
  } catch (error) {
    // As it was typed, because what was typed may be what cannot be parsed.
    await terminal.err(argv.includes('--json') ? asJson(error) : asText(error))
    return exitCodeOf(error)
  }
}

async function answer(argv: readonly string[], terminal: Terminal, open: Open): Promise<void> {
  if (argv.some(holdsKey)) {
    throw new UsageError(
      'An argument holds an API key, which other users can see, and your shell remembers: revoke it. Of a key, identify and import read standard input',
    )
  }
  const { values, positionals } = parse(argv)
  const isGroup = [...COMMANDS.keys()].some((name) => name.split(' ')[0] === positionals.join(' '))
  if (positionals.length === 0 && values.version === true) return terminal.out(`${version()}\n`)
  if (values.help === true && (positionals.length === 0 || isGroup)) return terminal.out(HELP)
  const { command, args } = find(positionals)
  if (values.help === true) return terminal.out(HELP)
  for (const name of Object.keys(values) as (keyof Values)[]) {
    if (!command.options.includes(name)) throw new UsageError(`This command does not take --${name}`)
  }
  if (command.makesKey && terminal.outIsNowhere) {
    throw new Error('Standard output leads nowhere, where the key would be lost: no key was made')
  }
  await execute(command, args, values, terminal, open)
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
  terminal: Terminal,
  open: Open,
): Promise<void> {
  const { store, diagnose, close } = await open(terminal.env, values)
  try {
    // Printed before the store is closed: nothing that happens then may take a new key away.
    await print(terminal, await command.run({ ...terminal, store, values, args }), values.json === true)
  } catch (error) {
    if (exitCodeOf(error) === EXIT.unavailable) await diagnose()
    throw error
  } finally {
    // What was done is done, and the process ends.
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

function asText(error: unknown): string {
  const hint = error instanceof UsageError ? 'fastify-tenant-auth --help says how.\n' : ''
  return `${messageOf(error)}\n${hint}`
}

function asJson(error: unknown): string {
  return `${JSON.stringify({ error: { code: codeOf(error), message: messageOf(error) } })}\n`
}

/** With what is behind it: "the store did not answer" alone helps no operator. Causes hold no credential. */
function messageOf(error: unknown): string {
  const messages: string[] = []
  for (let at = error; at instanceof Error; at = at.cause) {
    const text = at.message || ('code' in at ? String(at.code) : at.name)
    if (!messages.some((message) => message.includes(text))) messages.push(text)
  }
  return messages.join(': ')
}
