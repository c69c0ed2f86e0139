/** The `keys` commands. */
import { hashKey } from '../keys/key-format.ts'
import { KeyManager } from '../keys/key-manager.ts'
import type { UpdateKeyOptions } from '../keys/key-operations.ts'
import { statusOfKey } from '../stores/key-filter.ts'
import type { KeyDetails } from '../stores/writable-key-store.ts'
import type { Invocation, Result } from './commands.ts'
import { UsageError } from './exit-codes.ts'
import type { OpenStore } from './open-store.ts'
import type { Values } from './options.ts'
import { allPages, keyTable, printable, reached } from './output.ts'
import { shown as shownTenant } from './tenant-commands.ts'
import { duration, moment, networks, past, scopes } from './values.ts'

export async function create({ store, values, user }: Invocation): Promise<Result> {
  const { key, details } = await managerFor(store, values.env, values['key-prefix']).create({
    ...newKey(values, user),
    ...idempotency(values),
  })
  const note = `${keyTable([details])}\nThe key is shown only once.`
  return { out: key, note, json: { key, details: shown(details) }, newKeyId: details.id }
}

export async function list({ store, values }: Invocation): Promise<Result> {
  const manager = new KeyManager(store)
  const { tenant, all, status, env, name, 'unused-since': unused, 'ends-before': ends } = values
  if ((tenant === undefined) !== (all === true))
    throw new UsageError('keys list takes either --tenant, or --all for all tenants')
  // A misspelt tenant must be an error, not an empty list.
  if (tenant !== undefined) await manager.getTenant(tenant)
  const filter = {
    tenantId: tenant ?? null,
    ...(status !== undefined && { status: status as 'active' }),
    ...(env !== undefined && { environment: env }),
    ...(name !== undefined && { name }),
    ...(unused !== undefined && { unusedSince: past('unused-since', unused) }),
    ...(ends !== undefined && { endsBefore: moment('ends-before', ends) ?? undefined }),
  }
  const keys = await allPages(async (page) => {
    const { keys, nextCursor } = await manager.list({ ...filter, ...page })
    return { records: keys, nextCursor }
  })
  const json = { keys: keys.map(shown) }
  return keys.length === 0 ? { note: 'No keys.', json } : { out: keyTable(keys, all), json }
}

export async function get({ store, id }: Invocation): Promise<Result> {
  const details = await new KeyManager(store).get(id)
  return { out: keyTable([details], true), json: { details: shown(details) } }
}

export async function update(invocation: Invocation): Promise<Result> {
  const { name, scope, expires, network } = invocation.values
  const options = {
    ...(name !== undefined && { name }),
    ...(scope !== undefined && { scopes: scopes(scope) }),
    ...(expires !== undefined && { expiresAt: moment('expires', expires) }),
    ...(network !== undefined && { networks: networks(network) }),
  }
  if (Object.keys(options).length === 0)
    throw new UsageError('Nothing to change: give --name, --scope, --expires or --network')
  return change(invocation, options, 'changed')
}

export const pause = (invocation: Invocation): Promise<Result> =>
  change(invocation, { paused: true }, 'paused')
export const resume = (invocation: Invocation): Promise<Result> =>
  change(invocation, { paused: false }, 'resumed')

async function change({ store, id }: Invocation, options: UpdateKeyOptions, what: string): Promise<Result> {
  const changed = await new KeyManager(store).update(id, options)
  return {
    note: `${id} is ${what}, ${reached(changed)}.`,
    json: { ...changed, details: shown(changed.details) },
  }
}

export async function rotate({ store, id, values, user }: Invocation): Promise<Result> {
  const old = await new KeyManager(store).get(id)
  // The prefix of the old key, if it has this package's form.
  const prefix = /^([A-Za-z]\w{0,15})_[0-9A-Za-z]+_[^_]*$/.exec(old.start)?.[1]
  const { grace, expires } = values
  const rotated = await managerFor(store, old.environment, prefix).rotate(id, {
    createdBy: values['created-by'] ?? user,
    ...(grace !== undefined && { grace: duration('grace', grace) }),
    ...(expires !== undefined && { expiresAt: moment('expires', expires) }),
    ...idempotency(values),
  })
  const { key, details, retired } = rotated
  const ends = retired.expiresAt === null ? 'until you revoke it' : `until ${retired.expiresAt.toISOString()}`
  const note = `${keyTable([details, retired])}\nThe key is shown only once. The old one stays valid ${ends}.`
  const json = { ...rotated, details: shown(details), retired: shown(retired) }
  return { out: key, note, json, newKeyId: details.id }
}

export async function revoke({ store, id }: Invocation): Promise<Result> {
  const revoked = await new KeyManager(store).revoke(id)
  return {
    note: `${id} is revoked, ${reached(revoked)}.`,
    json: { ...revoked, details: shown(revoked.details) },
  }
}

export async function identify(invocation: Invocation): Promise<Result> {
  const { details, tenant, status } = await new KeyManager(invocation.store).identify(
    await keyFromInput(invocation),
  )
  const note = `Tenant ${printable(tenant.id)} (${printable(tenant.name)}), ${status}.`
  return {
    out: keyTable([details]),
    note,
    json: { details: shown(details), tenant: shownTenant(tenant), status },
  }
}

export async function take(invocation: Invocation): Promise<Result> {
  const { store, values, user } = invocation
  const imported = await managerFor(store, values.env).import({
    ...newKey(values, user),
    ...(values.hash === undefined ? await fromInput(invocation) : fromHash(values)),
  })
  return { out: keyTable([imported.details]), json: { ...imported, details: shown(imported.details) } }
}

export async function purge({ store, values: { before = '', tenant } }: Invocation): Promise<Result> {
  const purged = await new KeyManager(store).purge({
    endedBefore: past('before', before),
    ...(tenant !== undefined && { tenantId: tenant }),
  })
  return { note: `${purged.deleted} deleted.`, json: purged }
}

function shown(details: KeyDetails): object {
  return { ...details, status: statusOfKey(details) }
}

/** Environments and prefix are settings of a service, which are not known here, so the operator may pass any. */
function managerFor(store: OpenStore['store'], environment = '', prefix?: string): KeyManager {
  return new KeyManager(store, { environments: [environment], ...(prefix !== undefined && { prefix }) })
}

function newKey(
  { tenant = '', name = '', env = '', scope, expires, network, ...rest }: Values,
  user: string,
) {
  return {
    tenantId: tenant,
    name,
    environment: env,
    scopes: scopes(scope),
    expiresAt: expires === undefined ? null : moment('expires', expires),
    networks: networks(network),
    createdBy: rest['created-by'] ?? user,
  }
}

function idempotency({ 'idempotency-key': idempotencyKey }: Values): { idempotencyKey?: string } {
  return idempotencyKey === undefined ? {} : { idempotencyKey }
}

function fromHash({ hash = '', start, last4 }: Values) {
  if (start === undefined || last4 === undefined)
    throw new UsageError('--hash needs --start and --last4, which may be empty')
  return { hash, start, last4 }
}

async function fromInput(invocation: Invocation) {
  const { values } = invocation
  if (values.start !== undefined || values.last4 !== undefined) {
    throw new UsageError('--start and --last4 go with --hash: a key on standard input has its own')
  }
  const key = await keyFromInput(invocation)
  // Hardly any characters of a shorter key could be shown.
  if (key.length < 16) {
    throw new UsageError('Import a key of fewer than 16 characters with --hash, --start and --last4')
  }
  return { hash: hashKey(key), ...shownOf(key) }
}

async function keyFromInput({ input, inputIsTerminal, err }: Invocation): Promise<string> {
  if (inputIsTerminal) await err('The key, then Enter and Ctrl-D:\n')
  const key = (await input()).trim()
  if (!/^[!-~]{1,512}$/.test(key)) {
    throw new UsageError('Standard input must hold the key alone: up to 512 visible ASCII characters')
  }
  return key
}

/** Shows only a quarter of a key of unknown form, and twelve characters at most. */
function shownOf(key: string) {
  const shown = Math.min(12, Math.floor(key.length / 4))
  const last = Math.min(4, Math.floor(shown / 2))
  return { start: key.slice(0, shown - last), last4: key.slice(-last) }
}
