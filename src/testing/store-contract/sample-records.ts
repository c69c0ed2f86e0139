/** Tenants and keys for the contract suites. Ids and hashes are unique, so that tests can share one store. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { judge } from '../../cache/verdict.ts'
import type { StoredKey } from '../../stores/key-store.ts'
import type {
  InsertRefusal,
  KeyDetails,
  KeyPatch,
  NewKey,
  TenantDetails,
  TenantPatch,
  WritableKeyStore,
  Written,
} from '../../stores/writable-key-store.ts'

/** A time in whole milliseconds, this many seconds after a fixed moment. */
export function at(seconds: number): Date {
  return new Date(Date.UTC(2096, 0, 1) + seconds * 1000)
}

export function sampleTenant(values: Partial<TenantDetails> = {}): TenantDetails {
  return {
    id: `org_${randomBytes(12).toString('hex')}`,
    name: 'Acme',
    metadata: { plan: 'pro' },
    createdAt: at(0),
    suspendedAt: null,
    ...values,
  }
}

export function sampleHash(): string {
  return createHash('sha256').update(randomBytes(16)).digest('hex')
}

export function sampleKey(tenantId: string, values: Partial<NewKey> = {}): NewKey {
  return {
    id: `key_${randomBytes(12).toString('hex')}`,
    tenantId,
    name: 'server',
    environment: 'live',
    scopes: ['verify:write', 'usage:read'],
    metadata: { team: 'core' },
    start: 'tk_live_AbCd',
    last4: 'WxYz',
    createdAt: at(0),
    createdBy: 'user_1',
    expiresAt: null,
    hash: sampleHash(),
    ...values,
  }
}

/** The details that a store must return for a key that was just inserted. */
export function detailsOf(key: NewKey): KeyDetails {
  const { hash: _, ...details } = key
  return { networks: null, ...details, revokedAt: null, pausedAt: null, lastUsedAt: null }
}

export async function addTenant(store: WritableKeyStore, values?: Partial<TenantDetails>): Promise<string> {
  const tenant = sampleTenant(values)
  assert.ok(await store.insertTenant(tenant), 'the tenant must be inserted')
  return tenant.id
}

export async function addKey(
  store: WritableKeyStore,
  tenantId: string,
  values?: Partial<NewKey>,
): Promise<NewKey> {
  const key = sampleKey(tenantId, values)
  written(await store.insertKey(key))
  return key
}

type Write = () => Promise<Written<KeyDetails | TenantDetails> | InsertRefusal | null>

/** Every kind of write to a key that is yet to be inserted, and to its tenant, by name and in an order in which all succeed. */
export function writesOf(store: WritableKeyStore, key: NewKey): [name: string, write: Write][] {
  const { id, tenantId } = key
  const keyPatches: KeyPatch[] = [
    { name: 'renamed' },
    { scopes: ['a'] },
    { expiresAt: at(60) },
    { metadata: { a: 1 } },
    { pausedAt: at(3) },
    { pausedAt: null },
    { networks: ['192.0.2.1'] },
  ]
  const tenantPatches: TenantPatch[] = [
    { name: 'Renamed' },
    { metadata: { a: 1 } },
    { suspendedAt: at(1) },
    { suspendedAt: null },
  ]
  const named = (method: string, patch: object) => `${method}(${Object.keys(patch).join()})`
  return [
    ['insertKey', () => store.insertKey(key)],
    ...keyPatches.map((patch): [string, Write] => [
      named('updateKey', patch),
      () => store.updateKey(id, patch),
    ]),
    ...tenantPatches.map((patch): [string, Write] => [
      named('updateTenant', patch),
      () => store.updateTenant(tenantId, patch),
    ]),
    ['insertKey of a rotation', () => store.insertKey(sampleKey(tenantId), { id, expiresAt: at(30) })],
    ['revokeKey', () => store.revokeKey(id, at(2))],
  ]
}

/** Returns a write that must have taken effect, and fails otherwise. */
export function written<Record>(answer: Written<Record> | InsertRefusal | null): Written<Record> {
  if (answer === null || typeof answer === 'string') {
    assert.fail(`the write must take effect, but returned ${answer}`)
  }
  return answer
}

/**
 * The part of a look-up's answer that the contract defines, with defaults for what a store may leave out. A store may
 * return more, as long as `tenantAuth` would trust the answer.
 *
 * @throws what `tenantAuth` would log of the answer
 */
export async function lookUp(store: WritableKeyStore, hash: string): Promise<StoredKey | null> {
  const found = await store.findByHash(hash, { signal: new AbortController().signal })
  judge(found, Date.now(), 0)
  if (!found) return null
  const { id, name = null, environment = null, scopes = null, metadata = null } = found
  const { expiresAt = null, revokedAt = null, pausedAt = null, networks = null } = found
  const { tenant: from } = found
  const { name: tenantName = null, metadata: tenantMetadata = null, suspended = false } = from
  const tenant = { id: from.id, name: tenantName, metadata: tenantMetadata, suspended }
  return { id, tenant, name, environment, scopes, expiresAt, revokedAt, pausedAt, networks, metadata }
}

/** Checks that a revoked key is not let in: the store returns nothing for it, or says when it was revoked. */
export async function assertRefused(store: WritableKeyStore, hash: string): Promise<void> {
  const found = await lookUp(store, hash)
  assert.ok(
    found === null || found.revokedAt !== null,
    'the look-up of a revoked key must return null, or the key with revokedAt',
  )
}
