/** What the tests of `KeyManager` share: a manager with a store in memory and one tenant. */
import assert from 'node:assert/strict'
import { type UsageErrorCode, TenantAuthError } from '../../src/http/errors.ts'
import { KeyManager } from '../../src/keys/key-manager.ts'
import type { KeyManagerOptions } from '../../src/keys/key-manager-options.ts'
import type { KeyStore } from '../../src/stores/key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

export const HOUR = 3_600_000

/** The fields that a key requires, besides its tenant. */
export const VALUES = { name: 'server', environment: 'live' } as const

export async function setUp(options?: KeyManagerOptions, store = new MemoryKeyStore()) {
  const keys = new KeyManager(store, options)
  const { tenant } = await keys.createTenant({ name: 'Acme' })
  return { store, keys, tenantId: tenant.id }
}

export function inHours(hours: number): Date {
  return new Date(Date.now() + hours * HOUR)
}

/** For `assert.rejects`: asserts that the error has this code. */
export function code(expected: UsageErrorCode) {
  return (error: unknown): true => {
    assert.ok(error instanceof TenantAuthError, `expected a TenantAuthError, not ${String(error)}`)
    assert.equal(error.code, expected)
    return true
  }
}

export function lookUp(store: KeyStore, hash: string) {
  return store.findByHash(hash, { signal: new AbortController().signal })
}
