/** The whole contract of `WritableKeyStore` as tests. Every store of this package passes them, and yours should too. */
import assert from 'node:assert/strict'
import * as nodeTest from 'node:test'
import { missingMethods, type WritableKeyStore } from '../stores/writable-key-store.ts'
import { concurrencyContract } from './store-contract/concurrency.ts'
import { fidelityContract } from './store-contract/fidelity.ts'
import { keyContract } from './store-contract/keys.ts'
import { listContract } from './store-contract/listing.ts'
import { rotationContract } from './store-contract/rotation.ts'
import { tenantContract } from './store-contract/tenants.ts'
import type { TestRunner } from './test-runner.ts'

/** A store made for one run of a suite. */
export interface StoreUnderTest<Store> {
  store: Store
  /** Called once, after the last test. */
  close: () => Promise<void> | void
}

/** How a suite gets its store. */
export interface ContractOptions<Store> {
  /**
   * Called once, before the first test. The store need not be empty, because tests use fresh ids. Nothing else should
   * write to it meanwhile.
   */
  open: () => Promise<StoreUnderTest<Store>>
  /** What declares the tests. Default: `node:test`. For Vitest: `{ describe, it, before: beforeAll, after: afterAll }`. */
  runner?: TestRunner
}

/**
 * Declares the tests of a writable store's contract with `node:test`, or another runner.
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
 * @param name the name that the tests are listed under
 */
export function keyStoreContract(
  name: string,
  { open, runner = nodeTest }: ContractOptions<WritableKeyStore>,
): void {
  runner.describe(`${name} keeps the contract of a writable key store`, () => {
    const store = opening(open, runner)
    runner.it('has every method', () => assert.deepEqual(missingMethods(store()), [], 'methods are missing'))
    tenantContract(store, runner)
    keyContract(store, runner)
    rotationContract(store, runner)
    listContract(store, runner)
    concurrencyContract(store, runner)
    fidelityContract(store, runner)
  })
}

/** Opens the store before the suite and closes it after. */
export function opening<Store>(
  open: ContractOptions<Store>['open'],
  { before, after }: TestRunner,
): () => Store {
  let opened: StoreUnderTest<Store> | undefined
  before(async () => {
    opened = await open()
  })
  after(async () => {
    await opened?.close()
  })
  return () => {
    if (opened === undefined) throw new Error('open() failed')
    return opened.store
  }
}
