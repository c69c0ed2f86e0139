/** The suites that every store passes. They live in `src` because authors of other stores run them, too. */
export { coherenceContract } from '../../src/testing/coherence-contract.ts'
export { keyStoreContract } from '../../src/testing/key-store-contract.ts'
