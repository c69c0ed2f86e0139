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
  tenant: {
    type: 'string',
    value: 'id',
    about: 'Only this tenant; with create and import, the tenant that gets the key',
  },
  all: { type: 'boolean', about: 'Keys of all tenants' },
  id: { type: 'string', value: 'id', about: 'Id of the tenant. Default: a random one' },
  name: { type: 'string', value: 'name', about: 'A name for people. With list: part of the name' },
  search: { type: 'string', value: 'text', about: 'Part of the name or of the id' },
  status: { type: 'string', value: 'status', about: 'active, paused, expired or revoked' },
  env: { type: 'string', value: 'environment', about: 'live, test or one of your own' },
  scope: { type: 'string', multiple: true, value: 'scope', about: 'A scope of the key. Repeat for more' },
  network: {
    type: 'string',
    multiple: true,
    value: 'cidr',
    about: 'Accept the key only from this network. Repeat for more, or any',
  },
  expires: { type: 'string', value: 'when', about: `When the key expires: ${WHEN} or never` },
  grace: {
    type: 'string',
    value: 'duration',
    about: 'How long the old key stays valid: 90s, 15m, 24h, 30d or 2w',
  },
  'unused-since': { type: 'string', value: 'when', about: `Keys not used since: 90d (ago), 2027-01-31` },
  'ends-before': { type: 'string', value: 'when', about: `Keys that end before: 30d (from now), 2027-01-31` },
  before: { type: 'string', value: 'when', about: `Keys that ended before: 90d (ago), 2027-01-31` },
  yes: { type: 'boolean', about: 'Confirm the deletion' },
  hash: { type: 'string', value: 'hash', about: 'SHA-256 of the key, instead of the key on standard input' },
  start: {
    type: 'string',
    value: 'first',
    about: 'With --hash: the first characters of the key, for display',
  },
  last4: { type: 'string', value: 'last', about: 'With --hash: the last characters of the key, for display' },
  'key-prefix': { type: 'string', value: 'tk', about: 'The start of the key' },
  'idempotency-key': {
    type: 'string',
    value: 'text',
    about: 'If the command is repeated with the same text, no second key is made',
  },
  'created-by': {
    type: 'string',
    value: 'text',
    about: 'Who created the key. Default: your user name',
  },
  schema: {
    type: 'string',
    value: 'name',
    about: 'Schema of the tables in PostgreSQL. Default: tenant_auth',
  },
  'redis-prefix': {
    type: 'string',
    value: 'text',
    about: 'Prefix of the keys in Redis. Default: tenant-auth',
  },
  'env-file': {
    type: 'string',
    value: 'file',
    about: 'File to read environment variables from, if they are not set',
  },
  json: {
    type: 'boolean',
    about: 'Print one JSON object, for programs; errors go to standard error',
  },
  help: { type: 'boolean', short: 'h', about: 'Show this help' },
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
