/** The texts of `help` and `--help`, made from the list of commands. */
import { COMMANDS, COMMON, type CommandEntry } from './commands.ts'
import { OPTIONS, type OptionName } from './options.ts'

const NAME = 'fastify-tenant-auth'
const WIDTH = 100

/** @param group limits the list to the commands that begin with this word */
export function help(group = ''): string {
  const commands = [...COMMANDS].filter(([name]) => name.startsWith(group))
  const more: [string, string][] = [
    ['help [command]', 'Says what a command takes'],
    ['version', 'Says which version this is'],
    ['completion <shell>', 'For bash, zsh or fish, as in: source <(fastify-tenant-auth completion bash)'],
  ]
  const rows = commands.map(([name, { about }]): [string, string] => [name, about])
  return `Administers tenant API keys.

Usage: ${NAME} <command> [options]

${columns(group === '' ? [...rows, ...more] : rows)}

Where the keys are
  DATABASE_URL                  postgres://user:password@host/database (takes the package pg)
  REDIS_URL                     redis://host:6379 (takes the package redis); DATABASE_URL goes first

A new key is written to standard output once and alone, all else to standard error. If it cannot be
written, exit code 1 and standard error say which key to revoke.

  ${NAME} keys create --tenant acme --name billing --env live --expires 90d \\
    | vault kv put secret/billing api_key=-

To rotate, create, deploy, revoke: the old key stays valid until you revoke it or its grace is over.
"revoke" returns when no running instance accepts the key any more, and says how it knows. "import"
and "identify" read a key from standard input, never from an argument, which other users can see.

Exit codes
  0 done        1 failed                      2 wrong usage or setting
  3 not found   4 conflict (revoked, exists)  5 store unavailable
`
}

export function helpOf(name: string, { about, argument, required = [], options = [] }: CommandEntry): string {
  const usage = [
    `Usage: ${NAME} ${name}`,
    ...(argument === undefined ? [] : ['<id>']),
    ...required.map(typed),
    ...[...options].map((option) => `[${typed(option)}]${'multiple' in OPTIONS[option] ? '...' : ''}`),
  ]
  const list = [...required, ...options, ...COMMON].map((option): [string, string] => [
    typed(option),
    OPTIONS[option].about,
  ])
  return `${about}.\n\n${wrapped(usage)}\n\n${columns(list)}\n`
}

function typed(option: OptionName): string {
  const entry = OPTIONS[option]
  return 'value' in entry ? `--${option} <${entry.value}>` : `--${option}`
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

function wrapped([first = '', ...words]: readonly string[]): string {
  const lines = [first]
  for (const word of words) {
    const line = `${lines.at(-1)} ${word}`
    if (line.length <= WIDTH) lines.splice(-1, 1, line)
    else lines.push(`      ${word}`)
  }
  return lines.join('\n')
}
