/**
 * For tests of stores that you write, and of services that use the plugins. A running service does not import it.
 *
 * @module fastify-tenant-auth/testing
 */
export { coherenceContract, type CoherenceContractOptions } from './coherence-contract.ts'
export { type JwksFault, type JwksServer, startJwksServer } from './jwks-server.ts'
export { SessionSigner, type TestSession } from './session-signer.ts'
export { type ContractOptions, keyStoreContract, type StoreUnderTest } from './key-store-contract.ts'
