/** Every option of every command, and the parser of the command line. */
import { parseArgs } from 'node:util'
import { nearestName } from '../lib/nearest-name.ts'
import { UsageError } from './exit-codes.ts'

interface OptionEntry {
  type: 'string' | 'boolean'
  multiple?: true
  short?: string
  /** The placeholder of its value in help. */
  value?: string
  about: string
}

const WHEN = '30d, 2027-01-31, 2027-01-31T12:00:00Z'

export const OPTIONS = {
  tenant: { type: 'string', value: 'id', about: 'Of this tenant' },
  all: { type: 'boolean', about: 'Of all tenants' },
  id: { type: 'string', value: 'id', about: 'Its id. Default: a random one' },
  name: { type: 'string', value: 'name', about: 'For people; in a list, a part of it' },
  search: { type: 'string', value: 'text', about: 'Part of the name or the id' },
  status: { type: 'string', value: 'status', about: 'active, paused, expired or revoked' },
  env: { type: 'string', value: 'environment', about: 'live, test or another one of yours' },
  scope: { type: 'string', multiple: true, value: 'scope', about: 'One: repeat it for more' },
  network: {
    type: 'string',
    multiple: true,
    value: 'cidr',
    about: 'Accepted from there alone: repeat it for more, or any',
  },
  expires: { type: 'string', value: 'when', about: `${WHEN} or never` },
  grace: {
    type: 'string',
    value: 'duration',
    about: '90s, 15m, 24h, 30d or 2w, after which the old key ends',
  },
  'unused-since': { type: 'string', value: 'when', about: `Not used since: 90d (ago), 2027-01-31` },
  'ends-before': { type: 'string', value: 'when', about: `Ending before: 30d (from now), 2027-01-31` },
  before: { type: 'string', value: 'when', about: `Ended before: 90d (ago), 2027-01-31` },
  yes: { type: 'boolean', about: 'Yes, delete it for ever' },
  hash: { type: 'string', value: 'hash', about: 'SHA-256 of the key, in place of the key on standard input' },
  start: { type: 'string', value: 'first', about: 'With --hash: the first characters of the key, to show' },
  last4: { type: 'string', value: 'last', about: 'With --hash: the last characters of the key, to show' },
  'key-prefix': { type: 'string', value: 'tk', about: 'What the key begins with' },
  'idempotency-key': { type: 'string', value: 'text', about: 'Repeated, the command makes no second key' },
  'created-by': {
    type: 'string',
    value: 'text',
    about: 'Who is noted as its maker. Default: your user name',
  },
  schema: { type: 'string', value: 'name', about: 'PostgreSQL schema of the tables. Default: tenant_auth' },
  'redis-prefix': {
    type: 'string',
    value: 'text',
    about: 'What the names in Redis begin with. Default: tenant-auth',
  },
  'env-file': { type: 'string', value: 'file', about: 'Reads variables that are not set from it' },
  json: {
    type: 'boolean',
    about: 'For programs: one JSON object, errors on standard error',
  },
  help: { type: 'boolean', short: 'h', about: 'Says this' },
} as const satisfies Record<string, OptionEntry>

export type OptionName = keyof typeof OPTIONS

export type Values = {
  [Name in OptionName]?:
    | ((typeof OPTIONS)[Name] extends { multiple: true }
        ? string[]
        : (typeof OPTIONS)[Name]['type'] extends 'boolean'
          ? boolean
          : string)
    | undefined
}

/** Parses the command line with the options of all commands. The error for an unknown one suggests the nearest name. */
export function parse(argv: readonly string[]): { values: Values; positionals: string[] } {
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    if (!isOption(name))
      throw new UsageError(`Unknown option ${rawName}${meant(name, Object.keys(OPTIONS), '--')}`)
    const takesValue = OPTIONS[name].type === 'string'
    const has = value !== undefined && (token.inlineValue || !value.startsWith('-'))
    if (takesValue !== has) throw new UsageError(`--${name} takes ${takesValue ? 'a' : 'no'} value`)
  }
  return { values: values as Values, positionals }
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name)
}

export function meant(name: string, known: readonly string[], before = ''): string {
  const nearest = nearestName(name, known, Math.max(1, Math.floor(name.length / 3)))
  return nearest === undefined ? '' : `. Did you mean ${before}${nearest}?`
}
