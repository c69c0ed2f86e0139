/**
 * Stores that break the contract, each in a way that real ones do. Their tests run in a process of their own
 * (`contract-sees.test.ts`), because they are meant to fail.
 */
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type { StoredKey } from '../../src/stores/key-store.ts'
import type { WritableKeyStore } from '../../src/stores/writable-key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

export type Store = WritableKeyStore & CoherentKeyStore

export interface Fault {
  /** Returns the methods to replace. `right` is a correct store. */
  break: (right: Store) => Partial<Store>
  /** Part of the name of a test that must fail. */
  seenBy: string
}

/** Returns a store with this fault, or a correct one. */
export function breakStore(fault?: Fault): Store {
  const right = new MemoryKeyStore()
  return { ...methodsOf(right), ...fault?.break(right) }
}

/** Returns the methods of a store, bound, since private fields are not inherited. */
function methodsOf(right: MemoryKeyStore): Store {
  return {
    coherence: right.coherence,
    findByHash: (hash) => right.findByHash(hash),
    insertTenant: (tenant) => right.insertTenant(tenant),
    findTenant: (id) => right.findTenant(id),
    listTenants: (options) => right.listTenants(options),
    deleteTenant: (id) => right.deleteTenant(id),
    updateTenant: (id, patch) => right.updateTenant(id, patch),
    insertKey: (key, retire) => right.insertKey(key, retire),
    findKey: (id) => right.findKey(id),
    listKeys: (options) => right.listKeys(options),
    updateKey: (id, patch) => right.updateKey(id, patch),
    revokeKey: (id, at) => right.revokeKey(id, at),
    deleteKeys: (ids, endedBefore) => right.deleteKeys(ids, endedBefore),
    recordUse: (uses) => right.recordUse(uses),
  }
}

/** Returns a look-up that changes what the correct one finds. */
export function changed(right: Store, change: (found: StoredKey) => StoredKey): Store['findByHash'] {
  return async (hash, options) => {
    const found = await right.findByHash(hash, options)
    return found && change(found)
  }
}
