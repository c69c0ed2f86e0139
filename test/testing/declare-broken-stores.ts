/** Declares the suites for every broken store. Their tests are meant to fail, and never run by themselves. */
import type { StoredKey } from '../../src/stores/key-store.ts'
import { coherenceContract, keyStoreContract } from '../stores/contract.ts'
import { breakStore, changed } from './broken-stores.ts'
import { COHERENCE_FAULTS } from './coherence-faults.ts'
import { STORE_FAULTS } from './store-faults.ts'

for (const [name, fault] of Object.entries(STORE_FAULTS)) {
  keyStoreContract(name, { open: async () => ({ store: breakStore(fault), close: () => {} }) })
}
for (const [name, fault] of Object.entries(COHERENCE_FAULTS)) {
  coherenceContract(name, {
    kind: 'local',
    open: async () => ({ store: breakStore(fault), close: () => {} }),
  })
}

const opened = async () => ({ store: breakStore(), close: () => {} })
keyStoreContract('is correct', { open: opened })
coherenceContract('is correct', { kind: 'local', open: opened })
// A row of a table has more columns than a look-up promises.
keyStoreContract('returns whole rows', {
  open: async () => {
    const row = { hash: '0'.repeat(64), created_at: new Date(), start: 'tk_live_abcd' }
    const whole = (found: StoredKey) => ({ ...row, ...found, tenant: { ...row, ...found.tenant } })
    return {
      store: breakStore({ seenBy: '', break: (right) => ({ findByHash: changed(right, whole) }) }),
      close: () => {},
    }
  },
})
// It claims one kind, and is of another.
coherenceContract('is of another kind', { kind: 'fleet', open: opened })

keyStoreContract('cannot be opened', { open: () => Promise.reject(new Error('no server')) })
coherenceContract('cannot be opened', { kind: 'local', open: () => Promise.reject(new Error('no server')) })
