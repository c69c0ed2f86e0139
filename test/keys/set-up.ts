/** What the tests of `KeyManager` share: a manager on a store in memory with one tenant. */
import assert from 'node:assert/strict'
import { type UsageErrorCode, TenantAuthError } from '../../src/http/errors.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import type { KeyManagerOptions } from '../../src/keys/key-manager-options.ts'
import type { KeyStore } from '../../src/stores/key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

export const HOUR = 3_600_000

/** The least that a key takes beside its tenant. */
export const VALUES = { name: 'server', environment: 'live' } as const

export async function setUp(options?: KeyManagerOptions, store = new MemoryKeyStore()) {
  const keys = new KeyManager(store, options)
  const { tenant } = await keys.createTenant({ name: 'Acme' })
  return { store, keys, tenantId: tenant.id }
}

export function inHours(hours: number): Date {
  return new Date(Date.now() + hours * HOUR)
}

/** For `assert.rejects`: the error has this code. */
export function code(expected: UsageErrorCode) {
  return (error: unknown): true => {
    assert.ok(error instanceof TenantAuthError, `a TenantAuthError is thrown, and not ${String(error)}`)
    assert.equal(error.code, expected)
    return true
  }
}

export function lookUp(store: KeyStore, hash: string) {
  return store.findByHash(hash, { signal: new AbortController().signal })
}
