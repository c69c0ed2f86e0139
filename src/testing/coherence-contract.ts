/** The contract of `CoherentKeyStore` as tests: what a cache in front of a store relies on. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { CoherentKeyStore } from '../stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../stores/writable-key-store.ts'
import type { ContractOptions, StoreUnderTest } from './key-store-contract.ts'
import { epochContract } from './store-contract/epochs.ts'
import { beatContract } from './store-contract/fleet-beats.ts'
import { confirmationContract } from './store-contract/fleet-confirmations.ts'
import { localCoherenceContract } from './store-contract/local-coherence.ts'

export interface CoherenceContractOptions extends ContractOptions<WritableKeyStore & CoherentKeyStore> {
  /** The kind that the store's `coherence` must be of. */
  kind: 'local' | 'fleet'
}

/**
 * Declares the tests of a store's coherence with `node:test`, in addition to `keyStoreContract`. No running instance may
 * be registered in the store: the tests register their own, and count them.
 *
 * Not covered, because only the store's own tests can bring it about: a push that arrives, a link that is lost, a
 * history that is lost, a fleet with other settings.
 *
 * ```ts
 * coherenceContract('MyKeyStore', { kind: 'fleet', open: async () => ({ store, close: () => store.end() }) })
 * ```
 */
export function coherenceContract(name: string, { kind, open }: CoherenceContractOptions): void {
  describe(`${name} keeps the contract of a coherent key store`, () => {
    let opened: StoreUnderTest<WritableKeyStore & CoherentKeyStore> | undefined
    const store = () => {
      if (opened === undefined) throw new Error('open() failed')
      return opened.store
    }
    before(async () => {
      opened = await open()
    })
    after(() => opened?.close())

    it(`is of kind ${kind}`, () => assert.equal(store().coherence.kind, kind))
    epochContract(store)
    if (kind === 'local') localCoherenceContract(store)
    else {
      beatContract(store)
      confirmationContract(store)
    }
  })
}
