/** The contract of `CoherentKeyStore` as tests: what a cache in front of a store relies on. */
import assert from 'node:assert/strict'
import * as nodeTest from 'node:test'
import { type CoherentKeyStore, isCoherent } from '../stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../stores/writable-key-store.ts'
import { type ContractOptions, opening } from './key-store-contract.ts'
import { epochContract } from './store-contract/epochs.ts'
import { beatContract } from './store-contract/fleet-beats.ts'
import { confirmationContract } from './store-contract/fleet-confirmations.ts'
import { settle } from './store-contract/fleet-member.ts'
import { localCoherenceContract } from './store-contract/local-coherence.ts'

/** The options of `coherenceContract`. */
export interface CoherenceContractOptions extends ContractOptions<WritableKeyStore & CoherentKeyStore> {
  /** The kind that the store's `coherence` must have. */
  kind: 'local' | 'fleet'
}

/**
 * Declares the tests of a store's coherence with `node:test` or another runner, in addition to `keyStoreContract`. For a
 * fleet, they test its driver. No running instance may be registered in the store: the tests register their own.
 *
 * Not covered, because only the store's own tests can cause it: a push that arrives, a lost link, a lost history or
 * roster.
 *
 * ```ts
 * coherenceContract('MyKeyStore', { kind: 'fleet', open: async () => ({ store, close: () => store.end() }) })
 * ```
 */
export function coherenceContract(
  name: string,
  { kind, open, runner = nodeTest }: CoherenceContractOptions,
): void {
  runner.describe(`${name} keeps the contract of a coherent key store`, () => {
    const store = opening(open, runner)
    runner.it(`is of kind ${kind}`, () => {
      assert.ok(isCoherent(store()), 'the store must have a property coherence, with its methods')
      assert.equal(store().coherence.kind, kind)
    })
    epochContract(store, runner)
    if (kind === 'local') localCoherenceContract(store, runner)
    else {
      runner.before(() => settle(store()))
      beatContract(store, runner)
      confirmationContract(store, runner)
    }
  })
}
