/** Completes commands and options in bash, zsh and fish. */
import { COMMANDS, COMMON } from './commands.ts'
import { UsageError } from './exit-codes.ts'

const PROGRAM = 'fastify-tenant-auth'
const SHELLS = ['bash', 'zsh', 'fish'] as const

/** What may follow the words typed so far: a pattern of those words, and the words to choose from. */
function choices(): (readonly [pattern: string, words: readonly string[]])[] {
  const names = [...COMMANDS.keys()]
  const first = [...new Set(names.map((name) => name.split(' ')[0] ?? ''))]
  const groups = first.filter((word) => !names.includes(word))
  const second = (group: string) =>
    names.flatMap((name) => (name.startsWith(`${group} `) ? name.split(' ').slice(1) : []))
  return [
    ...[...COMMANDS].map(([name, { required = [], options = [] }]) => {
      return [`${name}*`, [...required, ...options, ...COMMON].map((option) => `--${option}`)] as const
    }),
    ...groups.map((group) => [group, second(group)] as const),
    ['completion', SHELLS],
    ['help', first],
    ...groups.map((group) => [`help ${group}`, second(group)] as const),
    ['', [...first, 'help', 'version', 'completion']],
  ]
}

export function completion(shell: string | undefined): string {
  const cases = (form: (pattern: string, words: string) => string) =>
    choices().map(([pattern, words]) =>
      form(pattern === '' ? '""' : pattern.replaceAll(' ', '\\ '), words.join(' ')),
    )
  const posix = cases((pattern, words) => `    ${pattern}) list=(${words}) ;;`).join('\n')
  switch (shell) {
    case 'bash':
      return `_fastify_tenant_auth() {
  local list=()
  case "\${COMP_WORDS[*]:1:COMP_CWORD-1}" in
${posix}
  esac
  COMPREPLY=($(compgen -W "\${list[*]}" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _fastify_tenant_auth ${PROGRAM}
`
    case 'zsh':
      return `#compdef ${PROGRAM}
_fastify_tenant_auth() {
  local -a list
  case "\${(j: :)words[2,CURRENT-1]}" in
${posix}
  esac
  compadd -a list
}
compdef _fastify_tenant_auth ${PROGRAM}
`
    case 'fish':
      return `function __fastify_tenant_auth
  set -l words (commandline -opc)[2..]
  switch "$words"
${cases((pattern, words) => `    case ${pattern.endsWith('*') ? `'${pattern.replaceAll('\\', '')}'` : pattern}\n      printf '%s\\n' ${words}`).join('\n')}
  end
end
complete -c ${PROGRAM} -f -a '(__fastify_tenant_auth)'
`
    default:
      throw new UsageError(`completion takes one of ${SHELLS.join(', ')}`)
  }
}
