/** The whole contract of `WritableKeyStore` as tests: what every store of this package passes, and yours should. */
import { after, before, describe } from 'node:test'
import type { WritableKeyStore } from '../stores/writable-key-store.ts'
import { concurrencyContract } from './store-contract/concurrency.ts'
import { fidelityContract } from './store-contract/fidelity.ts'
import { keyContract } from './store-contract/keys.ts'
import { listContract } from './store-contract/listing.ts'
import { rotationContract } from './store-contract/rotation.ts'
import { tenantContract } from './store-contract/tenants.ts'

/** A store made for one run of a suite. */
export interface StoreUnderTest<Store> {
  store: Store
  close: () => Promise<void> | void
}

/** How a suite gets its store. */
export interface ContractOptions<Store> {
  /**
   * Called once, before the first test. Tests use fresh ids and never meet, so the store need not be empty; nothing else
   * should write to it meanwhile.
   */
  open: () => Promise<StoreUnderTest<Store>>
}

/**
 * Declares the tests of a writable store's contract with `node:test`.
 *
 * ```ts
 * keyStoreContract('MyKeyStore', {
 *   async open() {
 *     const store = await MyKeyStore.connect(process.env.TEST_URL)
 *     return { store, close: () => store.end() }
 *   },
 * })
 * ```
 *
 * @param name what the tests are listed under
 */
export function keyStoreContract(name: string, { open }: ContractOptions<WritableKeyStore>): void {
  describe(`${name} keeps the contract of a writable key store`, () => {
    let opened: StoreUnderTest<WritableKeyStore> | undefined
    const store = () => {
      if (opened === undefined) throw new Error('open() failed')
      return opened.store
    }
    before(async () => {
      opened = await open()
    })
    after(() => opened?.close())

    tenantContract(store)
    keyContract(store)
    rotationContract(store)
    listContract(store)
    concurrencyContract(store)
    fidelityContract(store)
  })
}
