/**
 * For tests: of stores of your own, and of services that use the plugins. Nothing of a running service imports it.
 *
 * @module fastify-tenant-auth/testing
 */
export { coherenceContract, type CoherenceContractOptions } from './coherence-contract.ts'
export { type JwksFault, type JwksServer, startJwksServer } from './jwks-server.ts'
export { SessionSigner, type TestSession } from './session-signer.ts'
export { type ContractOptions, keyStoreContract, type StoreUnderTest } from './key-store-contract.ts'
