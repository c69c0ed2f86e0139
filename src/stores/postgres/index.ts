/** `fastify-tenant-auth/stores/postgres` */
export type { PostgresClient, PostgresNotification, PostgresPool, PostgresResult } from './pool.ts'
export { migrationSql } from './schema.ts'
export { PostgresKeyStore, type PostgresKeyStoreOptions } from './store.ts'
