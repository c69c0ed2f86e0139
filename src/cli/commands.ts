/** The commands: each takes its arguments apart, calls the key manager, and prints what came of it. */
import { hashKey } from '../keys/key-format.ts'
import { KeyManager } from '../keys/key-manager.ts'
import type { KeyDetails } from '../stores/writable-key-store.ts'
import { UsageError } from './exit-codes.ts'
import type { OpenStore } from './open-store.ts'
import { keyTable, printable, reached } from './output.ts'
import type { Terminal } from './terminal.ts'
import { duration, moment, none, only, required, scopes } from './values.ts'

/** Every option of every command, as `util.parseArgs` takes them. */
export const OPTIONS = {
  tenant: { type: 'string' },
  name: { type: 'string' },
  id: { type: 'string' },
  env: { type: 'string' },
  scope: { type: 'string', multiple: true },
  expires: { type: 'string' },
  grace: { type: 'string' },
  hash: { type: 'string' },
  start: { type: 'string' },
  last4: { type: 'string' },
  'key-prefix': { type: 'string' },
  'idempotency-key': { type: 'string' },
  'created-by': { type: 'string' },
  schema: { type: 'string' },
  'redis-prefix': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const

export type Values = {
  [Name in keyof typeof OPTIONS]?:
    | (Name extends 'scope' ? string[] : Name extends 'json' | 'help' | 'version' ? boolean : string)
    | undefined
}

export interface Invocation extends Pick<Terminal, 'user' | 'input' | 'inputIsTerminal' | 'err'> {
  store: OpenStore['store']
  values: Values
  args: readonly string[]
}

/** What goes where. `out` is for programs and pipes, `note` for the person at the terminal. */
export interface Result {
  out?: string
  note?: string
  json: object
  /** Of a key that only this result holds. */
  newKeyId?: string
}

type Command = (invocation: Invocation) => Promise<Result>

/** Options that every command takes. */
const COMMON = ['schema', 'redis-prefix', 'json', 'help'] as const
const NEW_KEY = ['tenant', 'name', 'env', 'scope', 'expires', 'created-by'] as const

export interface CommandEntry {
  run: Command
  options: readonly (keyof typeof OPTIONS)[]
  /** Its output holds a key that is shown once. */
  makesKey?: true
}

const CREATE = [...COMMON, ...NEW_KEY, 'key-prefix', 'idempotency-key'] as const
const ROTATE = [...COMMON, 'grace', 'expires', 'created-by', 'idempotency-key'] as const

export const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map<string, CommandEntry>([
  ['migrate', { run: migrate, options: COMMON }],
  ['tenants create', { run: createTenant, options: [...COMMON, 'id', 'name'] }],
  ['keys create', { run: createKey, options: CREATE, makesKey: true }],
  ['keys list', { run: listKeys, options: [...COMMON, 'tenant'] }],
  ['keys rotate', { run: rotateKey, options: ROTATE, makesKey: true }],
  ['keys revoke', { run: revokeKey, options: COMMON }],
  ['keys identify', { run: identifyKey, options: COMMON }],
  ['keys import', { run: importKey, options: [...COMMON, ...NEW_KEY, 'hash', 'start', 'last4'] }],
])

async function migrate({ store, args }: Invocation): Promise<Result> {
  none(args)
  const tables = store.migrate !== undefined
  await store.migrate?.()
  return {
    note: tables ? 'The tables are up to date.' : 'Redis needs no tables.',
    json: { migrated: tables },
  }
}

async function createTenant({ store, values, args }: Invocation): Promise<Result> {
  none(args)
  const { id } = values
  const { tenant } = await new KeyManager(store).createTenant({
    name: required('name', values.name),
    ...(id !== undefined && { id }),
  })
  return { out: tenant.id, note: `Tenant ${tenant.id} is created.`, json: { tenant } }
}

async function createKey({ store, values, args, user }: Invocation): Promise<Result> {
  none(args)
  const { key, details } = await managerFor(store, values.env, values['key-prefix']).create({
    ...newKey(values, user),
    ...idempotency(values),
  })
  const note = `${keyTable([details])}\nThe key is shown this once.`
  return { out: key, note, json: { key, details }, newKeyId: details.id }
}

async function listKeys({ store, values, args }: Invocation): Promise<Result> {
  none(args)
  const manager = new KeyManager(store)
  const tenantId = required('tenant', values.tenant)
  // An unknown tenant has no keys; whoever misspelt it should hear so.
  await manager.getTenant(tenantId)
  const keys: KeyDetails[] = []
  let cursor: string | undefined
  do {
    const page = await manager.list({ tenantId, limit: 100, ...(cursor !== undefined && { cursor }) })
    keys.push(...page.keys)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return keys.length === 0 ? { note: 'No keys.', json: { keys } } : { out: keyTable(keys), json: { keys } }
}

async function rotateKey({ store, values, args, user }: Invocation): Promise<Result> {
  const id = only('the id of a key', args)
  const old = await new KeyManager(store).get(id)
  // As the old one is, in the same form.
  const manager = managerFor(
    store,
    old.environment,
    /^([A-Za-z]\w{0,15})_[0-9A-Za-z]+_[^_]*$/.exec(old.start)?.[1],
  )
  const { grace, expires } = values
  const rotated = await manager.rotate(id, {
    createdBy: values['created-by'] ?? user,
    ...(grace !== undefined && { grace: duration('grace', grace) }),
    ...(expires !== undefined && { expiresAt: moment('expires', expires) }),
    ...idempotency(values),
  })
  const { key, details, retired } = rotated
  const ends = retired.expiresAt === null ? 'until you revoke it' : `until ${retired.expiresAt.toISOString()}`
  const note = `${keyTable([details, retired])}\nThe key is shown this once. The old one stays valid ${ends}.`
  return { out: key, note, json: rotated, newKeyId: details.id }
}

async function revokeKey({ store, args }: Invocation): Promise<Result> {
  const revoked = await new KeyManager(store).revoke(only('the id of a key', args))
  return { note: `${revoked.details.id} is revoked, ${reached(revoked)}.`, json: revoked }
}

async function identifyKey(invocation: Invocation): Promise<Result> {
  const { store, args } = invocation
  none(args)
  const found = await new KeyManager(store).identify(await keyFromInput(invocation))
  const { details, tenant, status } = found
  const note = `Tenant ${printable(tenant.id)} (${printable(tenant.name)}), ${status}.`
  return { out: keyTable([details]), note, json: found }
}

async function importKey(invocation: Invocation): Promise<Result> {
  const { store, values, args, user } = invocation
  none(args)
  const imported = await managerFor(store, values.env).import({
    ...newKey(values, user),
    ...(values.hash === undefined ? await fromInput(invocation) : fromHash(values)),
  })
  return { out: keyTable([imported.details]), json: imported }
}

/** Environments and prefix are a service's settings, which are not known here: what the operator says goes. */
function managerFor(store: OpenStore['store'], environment: string | undefined, prefix?: string): KeyManager {
  const environments = [required('env', environment)]
  return new KeyManager(store, { environments, ...(prefix !== undefined && { prefix }) })
}

function newKey(values: Values, user: string) {
  return {
    tenantId: required('tenant', values.tenant),
    name: required('name', values.name),
    environment: required('env', values.env),
    scopes: scopes(values.scope),
    expiresAt: values.expires === undefined ? null : moment('expires', values.expires),
    createdBy: values['created-by'] ?? user,
  }
}

function idempotency(values: Values): { idempotencyKey?: string } {
  const idempotencyKey = values['idempotency-key']
  return idempotencyKey === undefined ? {} : { idempotencyKey }
}

function fromHash({ hash = '', start, last4 }: Values) {
  return { hash, start: required('start', start), last4: required('last4', last4) }
}

async function fromInput(invocation: Invocation) {
  const { values } = invocation
  if (values.start !== undefined || values.last4 !== undefined) {
    throw new UsageError('--start and --last4 go with --hash. Of a key on standard input they are its own')
  }
  const key = await keyFromInput(invocation)
  return { hash: hashKey(key), ...shownOf(key) }
}

async function keyFromInput({ input, inputIsTerminal, err }: Invocation): Promise<string> {
  if (inputIsTerminal) await err('The key, then Enter and Ctrl-D:\n')
  const key = (await input()).trim()
  if (!/^[!-~]{16,512}$/.test(key)) {
    throw new UsageError('Standard input must hold the key alone: 16 to 512 visible ASCII characters')
  }
  return key
}

/** Of a key of unknown form little is shown: a quarter of it, and twelve characters at most. */
function shownOf(key: string) {
  const shown = Math.min(12, Math.floor(key.length / 4))
  const last = Math.min(4, Math.floor(shown / 2))
  return { start: key.slice(0, shown - last), last4: key.slice(-last) }
}
