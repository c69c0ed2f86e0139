/** Declares the suites for every broken store: tests that are meant to fail, so never run by themselves. */
import { coherenceContract, keyStoreContract } from '../stores/contract.ts'
import { breakStore } from './broken-stores.ts'
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
keyStoreContract('is right', { open: opened })
coherenceContract('is right', { kind: 'local', open: opened })
// Says that it is of one kind, and is of another.
coherenceContract('is of another kind', { kind: 'fleet', open: opened })

keyStoreContract('cannot be opened', { open: () => Promise.reject(new Error('no server')) })
coherenceContract('cannot be opened', { kind: 'local', open: () => Promise.reject(new Error('no server')) })
