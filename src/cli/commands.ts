/** The commands: what each takes, and what it does. */
import * as keys from './key-commands.ts'
import type { OpenStore } from './open-store.ts'
import type { OptionName, Values } from './options.ts'
import * as tenants from './tenant-commands.ts'
import type { Terminal } from './terminal.ts'

export interface Invocation extends Pick<Terminal, 'user' | 'input' | 'inputIsTerminal' | 'err'> {
  store: OpenStore['store']
  values: Values
  /** The argument, if the command takes one. */
  id: string
}

/** What a command prints. `out` is for programs and pipes, `note` for the person at the terminal. */
export interface Result {
  out?: string
  note?: string
  json: object
  /** The id of a new key, which only this result contains. */
  newKeyId?: string
}

export interface CommandEntry {
  about: string
  run: (invocation: Invocation) => Promise<Result>
  /** What its argument is. Default: it takes no argument. */
  argument?: string
  required?: readonly OptionName[]
  options?: readonly OptionName[]
  /** Its output contains a key that is shown only once. */
  makesKey?: true
}

/** Options that every command takes. */
export const COMMON: readonly OptionName[] = ['schema', 'redis-prefix', 'env-file', 'json', 'help']
const NEW_KEY = ['scope', 'expires', 'network', 'created-by'] as const
const KEY = 'the id of a key'
const TENANT = 'the id of a tenant'

export const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map<string, CommandEntry>([
  [
    'migrate',
    { about: 'Create or update the tables in PostgreSQL (Redis needs none)', run: tenants.migrate },
  ],
  ['tenants create', { about: 'Create a tenant', run: tenants.create, required: ['name'], options: ['id'] }],
  ['tenants list', { about: 'List tenants, newest first', run: tenants.list, options: ['search'] }],
  ['tenants get', { about: 'Show a tenant', run: tenants.get, argument: TENANT }],
  [
    'tenants suspend',
    { about: 'Refuse all keys of a tenant until you resume it', run: tenants.suspend, argument: TENANT },
  ],
  [
    'tenants resume',
    { about: 'Accept the keys of a suspended tenant again', run: tenants.resume, argument: TENANT },
  ],
  [
    'tenants delete',
    { about: 'Delete a tenant and all of its keys', run: tenants.remove, argument: TENANT, options: ['yes'] },
  ],
  [
    'keys create',
    {
      about: 'Create a key and show it once',
      run: keys.create,
      required: ['tenant', 'name', 'env'],
      options: [...NEW_KEY, 'key-prefix', 'idempotency-key'],
      makesKey: true,
    },
  ],
  [
    'keys list',
    {
      about: 'List keys, newest first',
      run: keys.list,
      options: ['tenant', 'all', 'status', 'env', 'name', 'unused-since', 'ends-before'],
    },
  ],
  [
    'keys get',
    { about: 'Show what is known about a key (never the key itself)', run: keys.get, argument: KEY },
  ],
  [
    'keys update',
    {
      about: 'Change the given fields of a key',
      run: keys.update,
      argument: KEY,
      options: ['name', 'scope', 'expires', 'network'],
    },
  ],
  ['keys pause', { about: 'Refuse a key until you resume it', run: keys.pause, argument: KEY }],
  ['keys resume', { about: 'Accept a paused key again', run: keys.resume, argument: KEY }],
  [
    'keys rotate',
    {
      about: 'Create a key that replaces another one, and show it once',
      run: keys.rotate,
      argument: KEY,
      options: ['grace', 'expires', 'created-by', 'idempotency-key'],
      makesKey: true,
    },
  ],
  [
    'keys revoke',
    { about: 'Revoke a key for good; returns once no instance accepts it', run: keys.revoke, argument: KEY },
  ],
  [
    'keys identify',
    { about: 'Show the tenant and the state of the key on standard input', run: keys.identify },
  ],
  [
    'keys import',
    {
      about: 'Import a key made elsewhere, from standard input or by its hash',
      run: keys.take,
      required: ['tenant', 'name', 'env'],
      options: [...NEW_KEY, 'hash', 'start', 'last4'],
    },
  ],
  [
    'keys purge',
    {
      about: 'Delete keys that were revoked or expired',
      run: keys.purge,
      required: ['before'],
      options: ['tenant'],
    },
  ],
])
