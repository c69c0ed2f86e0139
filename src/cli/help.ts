/** The texts of `help` and `--help`, made from the list of commands. */
import { COMMANDS, COMMON, type CommandEntry } from './commands.ts'
import { OPTIONS, type OptionName } from './options.ts'

const NAME = 'fastify-tenant-auth'
const WIDTH = 100

/** @param group limits the list to the commands that begin with this word */
export function help(group = ''): string {
  const commands = [...COMMANDS].filter(([name]) => name.startsWith(group))
  const more: [string, string][] = [
    ['help [command]', 'Show the options of a command'],
    ['version', 'Print the version'],
    ['completion <shell>', 'For bash, zsh or fish, as in: source <(fastify-tenant-auth completion bash)'],
  ]
  const rows = commands.map(([name, { about }]): [string, string] => [name, about])
  return `Manage tenants and their API keys.

Usage: ${NAME} <command> [options]

${columns(group === '' ? [...rows, ...more] : rows)}

Where the keys are stored
  DATABASE_URL                  postgres://user:password@host/database (requires the package pg)
  REDIS_URL                     redis://host:6379 (requires the package redis). DATABASE_URL wins

A new key goes to standard output, alone and only once; everything else goes to standard error. If
it cannot be written, the exit code is 1 and standard error says which key to revoke.

  ${NAME} keys create --tenant acme --name billing --env live --expires 90d \\
    | vault kv put secret/billing api_key=-

To replace a key: rotate, deploy the new key, revoke the old one. The old key stays valid until you
revoke it or its grace period ends. "revoke" returns once no running instance accepts the key, and
says how it knows. "import" and "identify" read the key from standard input, never from an argument,
which other users of the machine can see.

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
