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
    { about: 'Creates or updates the tables (PostgreSQL; Redis needs none)', run: tenants.migrate },
  ],
  ['tenants create', { about: 'Makes a tenant', run: tenants.create, required: ['name'], options: ['id'] }],
  ['tenants list', { about: 'Lists tenants, newest first', run: tenants.list, options: ['search'] }],
  ['tenants get', { about: 'Shows a tenant', run: tenants.get, argument: TENANT }],
  [
    'tenants suspend',
    { about: 'Refuses all of its keys, until it is resumed', run: tenants.suspend, argument: TENANT },
  ],
  ['tenants resume', { about: 'Lets its keys in again', run: tenants.resume, argument: TENANT }],
  [
    'tenants delete',
    { about: 'Deletes it and all of its keys', run: tenants.remove, argument: TENANT, options: ['yes'] },
  ],
  [
    'keys create',
    {
      about: 'Makes a key, and shows it once',
      run: keys.create,
      required: ['tenant', 'name', 'env'],
      options: [...NEW_KEY, 'key-prefix', 'idempotency-key'],
      makesKey: true,
    },
  ],
  [
    'keys list',
    {
      about: 'Lists keys, newest first',
      run: keys.list,
      options: ['tenant', 'all', 'status', 'env', 'name', 'unused-since', 'ends-before'],
    },
  ],
  ['keys get', { about: 'Shows a key', run: keys.get, argument: KEY }],
  [
    'keys update',
    {
      about: 'Changes what is named',
      run: keys.update,
      argument: KEY,
      options: ['name', 'scope', 'expires', 'network'],
    },
  ],
  ['keys pause', { about: 'Refuses a key, until it is resumed', run: keys.pause, argument: KEY }],
  ['keys resume', { about: 'Lets it in again', run: keys.resume, argument: KEY }],
  [
    'keys rotate',
    {
      about: 'Makes a key that takes over from another, and shows it once',
      run: keys.rotate,
      argument: KEY,
      options: ['grace', 'expires', 'created-by', 'idempotency-key'],
      makesKey: true,
    },
  ],
  [
    'keys revoke',
    { about: 'Ends a key for ever, and returns when nobody accepts it', run: keys.revoke, argument: KEY },
  ],
  [
    'keys identify',
    { about: 'Whose the key on standard input is, and what has become of it', run: keys.identify },
  ],
  [
    'keys import',
    {
      about: 'Takes in a key that was made elsewhere, from standard input or by its hash',
      run: keys.take,
      required: ['tenant', 'name', 'env'],
      options: [...NEW_KEY, 'hash', 'start', 'last4'],
    },
  ],
  [
    'keys purge',
    { about: 'Deletes keys that have ended', run: keys.purge, required: ['before'], options: ['tenant'] },
  ],
])
