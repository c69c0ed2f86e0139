/** Faults that `coherenceContract` must detect in a store of kind `local`. */
import type { WriteMark } from '../../src/coherence/driver.ts'
import type { StoredKey } from '../../src/stores/key-store.ts'
import type { Fault, Store } from './broken-stores.ts'

export const COHERENCE_FAULTS: Record<string, Fault> = {
  'always returns the same epoch': {
    seenBy: 'rise with every write that matters',
    break: (right) => ({
      async updateKey(id, patch) {
        const written = await right.updateKey(id, patch)
        return written && { ...written, epoch: 1 }
      },
    }),
  },
  'raises the epoch on every use': {
    seenBy: 'do not rise when use is recorded',
    break: updatingOnUse,
  },
  'notifies of every use': { seenBy: 'is not called when use is recorded', break: updatingOnUse },
  'confirms another epoch': {
    seenBy: 'can be confirmed for a rotation and a revocation',
    break: ({ coherence }) => ({
      coherence: { ...coherence, confirm: ({ epoch }: WriteMark) => coherence.confirm({ epoch: epoch - 1 }) },
    }),
  },
  'notifies of a write after it has returned': {
    seenBy: 'is called with the hash before the write has returned',
    break: listening((listener) => (hashes) => setImmediate(() => listener(hashes))),
  },
  'notifies of one hash when several have changed': {
    seenBy: 'is called with every hash of a tenant that changes',
    break: listening((listener) => (hashes) => listener(hashes.slice(0, 1))),
  },
  'notifies only of the new key of a rotation': {
    seenBy: 'is called with both hashes of a rotation',
    break: listening((listener) => (hashes) => listener(hashes.slice(0, 1))),
  },
  'notifies of a write before it takes effect': {
    seenBy: 'is called after the write',
    break: (right) => {
      const hashes = new Map<string, string>()
      const stale = new Map<string, StoredKey | null | undefined>()
      return {
        async revokeKey(id, at) {
          const key = await right.findKey(id)
          const hash = key && hashes.get(key.id)
          const signal = new AbortController().signal
          if (hash) stale.set(hash, await right.findByHash(hash, { signal }))
          const written = await right.revokeKey(id, at)
          stale.clear()
          return written
        },
        findByHash: async (hash, options) => stale.get(hash) ?? right.findByHash(hash, options),
        insertKey: (key, retire) => right.insertKey(hashes.set(key.id, key.hash) && key, retire),
      }
    },
  },
  'never ends a subscription': {
    seenBy: 'is called no more after its subscription has ended',
    break: ({ coherence }) => ({
      coherence: {
        ...coherence,
        subscribe: (listener: (hashes: readonly string[]) => void) => {
          if (coherence.kind === 'local') coherence.subscribe(listener)
          return () => {}
        },
      } as Store['coherence'],
    }),
  },
}

function updatingOnUse(right: Store): Partial<Store> {
  return {
    async recordUse(uses) {
      for (const id of uses.keys()) await right.updateKey(id, {})
      return right.recordUse(uses)
    },
  }
}

type Listener = (hashes: readonly string[]) => void

function listening(wrap: (listener: Listener) => Listener): Fault['break'] {
  return ({ coherence }) => {
    if (coherence.kind !== 'local') throw new Error('not local')
    return { coherence: { ...coherence, subscribe: (listener) => coherence.subscribe(wrap(listener)) } }
  }
}
