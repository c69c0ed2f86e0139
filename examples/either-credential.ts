/** One route for both: a tenant's key or a signed-in user. The plugins lend their checks, @fastify/auth combines them. */
import fastifyAuth from '@fastify/auth'
import fastify from 'fastify'
import { consoleAuth, errorEnvelope, KeyManager, MemoryKeyStore, tenantAuth } from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'

const keyStore = new MemoryKeyStore()
const keys = new KeyManager(keyStore)
const { tenant } = await keys.createTenant({ name: 'Acme' })
const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'test' })
// In a real service: Clerk's public key, and the origins of your dashboard.
const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer

const app = fastify()
app.setErrorHandler(errorEnvelope)
await app.register(fastifyAuth)
// `addHook: false`: nothing is guarded by itself, each route says what it takes.
await app.register(tenantAuth, { keyStore, addHook: false })
await app.register(consoleAuth, { jwtKey, authorizedParties, addHook: false })

app.get(
  '/report',
  { onRequest: app.auth([app.verifyTenantKey, app.verifyConsoleSession]) },
  async (request) => ({
    // Reading `request.tenant` where a user came in would throw, so ask which credential it was.
    by: request.headers['x-tenant-api-key'] === undefined ? request.consoleUser.userId : request.tenant.id,
  }),
)

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/report -H "x-tenant-api-key: ${key}"`)
console.log(`curl ${address}/report -H "Authorization: Bearer ${signer.signSession({ orgId: tenant.id })}"`)
