/** Compiled, never run: what the types of keys and stores accept and what they reject. */
import { expectTypeOf } from 'expect-type'
import { KeyManager } from '../../src/keys/key-manager.ts'
import type { CoherentKeyStore, Confirmation } from '../../src/stores/coherent-key-store.ts'
import type { KeyStore } from '../../src/stores/key-store.ts'
import type { KeyDetails, WritableKeyStore } from '../../src/stores/writable-key-store.ts'
import { isCoherent } from '../../src/stores/coherent-key-store.ts'
import { isWritable } from '../../src/stores/writable-key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

declare const readOnly: KeyStore
declare const writable: WritableKeyStore
declare const coherent: CoherentKeyStore

// A store without the writing side cannot be managed.
// @ts-expect-error
void new KeyManager(readOnly)
// @ts-expect-error
void new KeyManager(coherent)
// @ts-expect-error
void new KeyManager({ findByHash: async () => null })
// @ts-expect-error
void new KeyManager()
void new KeyManager(writable)
void new KeyManager(new MemoryKeyStore())

// Options.
void new KeyManager(writable, { prefix: 'loom', environments: ['live'], scopes: ['a'], timeout: 1_000 })
// @ts-expect-error
void new KeyManager(writable, { prefx: 'loom' })
// @ts-expect-error
void new KeyManager(writable, { environments: 'live' })
// @ts-expect-error
void new KeyManager(writable, { timeout: '1s' })

declare const keys: KeyManager

const values = { tenantId: 'org_1', name: 'server', environment: 'live' }
void keys.create(values)
// @ts-expect-error
void keys.create({ name: 'server', environment: 'live' })
// @ts-expect-error
void keys.create({ ...values, expiresAt: '2027-01-01' })
// @ts-expect-error
void keys.create({ ...values, scopes: 'a' })
// @ts-expect-error
void keys.create({ ...values, hash: 'abc' })
// @ts-expect-error
void keys.import(values)
// @ts-expect-error: a value that may be null must be checked first, or it would mean the keys of all tenants
void keys.revoke('key_1', { tenantId: null as string | null })
// @ts-expect-error
void keys.revoke('key_1', { tenantId: undefined })
// @ts-expect-error
void keys.update('key_1', { revokedAt: null })
// @ts-expect-error
void keys.update('key_1', { environment: 'test' })
// @ts-expect-error
void keys.list({ limit: 5 })

// Only two calls return a key.
expectTypeOf(keys.create(values)).resolves.toHaveProperty('key').toBeString()
expectTypeOf(keys.rotate('key_1')).resolves.toHaveProperty('key').toBeString()
expectTypeOf(keys.get('key_1')).resolves.toEqualTypeOf<KeyDetails>()
expectTypeOf<KeyDetails>().not.toHaveProperty('hash')
expectTypeOf(keys.revoke('key_1')).resolves.toExtend<Confirmation & { details: KeyDetails }>()
expectTypeOf(keys.updateTenant('org_1', { suspended: true })).resolves.toExtend<Confirmation>()

// Five lines are a store.
expectTypeOf({
  findByHash: async (hash: string) => ({ id: hash, tenant: { id: 'org_1' } }),
}).toExtend<KeyStore>()
expectTypeOf({ findByHash: async () => undefined }).toExtend<KeyStore>()
expectTypeOf<MemoryKeyStore>().toExtend<WritableKeyStore & CoherentKeyStore>()

// Capabilities narrow the type.
if (isWritable(readOnly)) expectTypeOf(readOnly).toExtend<WritableKeyStore>()
if (isCoherent(readOnly)) expectTypeOf(readOnly).toExtend<CoherentKeyStore>()
