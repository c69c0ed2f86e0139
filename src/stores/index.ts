/**
 * For authors of stores: what a store returns, what it must be able to do, and the fleet protocol for your own store.
 * The contract suites are in `fastify-tenant-auth/testing`.
 *
 * @module fastify-tenant-auth/stores
 */
export type * from '../coherence/driver.ts'
export { Fleet, type FleetOptions } from '../coherence/fleet.ts'
export type * from './coherent-key-store.ts'
export { isCoherent } from './coherent-key-store.ts'
export type * from './key-store.ts'
export type * from './writable-key-store.ts'
export { isWritable } from './writable-key-store.ts'
