/** An app whose keys are in PostgreSQL. */
import fastify from 'fastify'
import type { Pool } from 'pg'
import { tenantAuth } from '../../../src/index.ts'
import { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'
import { LogLines } from '../../tenant-auth/set-up.ts'
import { until } from '../../harness/until.ts'

export const LEASE = 1_500
export const HEARTBEAT = 100

/** The pool is the caller's, and stays open. */
export async function startInstance(pool: Pool, lease = LEASE) {
  const log = new LogLines()
  const app = fastify({ logger: { level: 'info', stream: log.stream } })
  const keyStore = new PostgresKeyStore({ pool, lease, heartbeat: HEARTBEAT })
  await app.register(tenantAuth, { keyStore })
  app.get('/', () => 'in')
  await app.ready()
  return {
    app,
    log,
    keyStore,
    /** The status of a request with this key. */
    status: async (key: string) =>
      (await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })).statusCode,
    ready: () => until(() => app.tenantAuth.isReady()),
  }
}
