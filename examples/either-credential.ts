/** One route for both: a tenant's key or a signed-in user. The plugins lend their checks, and the header says which. */
import fastify, { type onRequestAsyncHookHandler } from 'fastify'
import { consoleAuth, errorEnvelope, KeyManager, MemoryKeyStore, tenantAuth } from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'

const keyStore = new MemoryKeyStore()
const keys = new KeyManager(keyStore)
const { tenant } = await keys.createTenant({ name: 'Acme' })
const scopes = ['report:read']
const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'test', scopes })
// In a real service: Clerk's public key, and the origins of your dashboard.
const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer

const app = fastify()
app.setErrorHandler(errorEnvelope)
// `addHook: false`: nothing is guarded by itself, each route says what it takes.
await app.register(tenantAuth, { keyStore, addHook: false })
await app.register(consoleAuth, { jwtKey, authorizedParties, addHook: false })

// One check or the other, not both in turn: what it answers, a 503 or a 403 as well, is then what the client is told.
const eitherCredential: onRequestAsyncHookHandler = async (request, reply) =>
  'x-tenant-api-key' in request.headers
    ? app.verifyTenantKey(request, reply)
    : app.verifyConsoleSession(request, reply)

// What a route demands of the one kind, the other cannot meet: it is refused, unless the route says that either will do. Each
// then has to meet the demands on its own kind: scopes of a key, a role of a user.
const config = {
  eitherCredential: true,
  tenantAuth: { scopes },
  consoleAuth: { role: 'org:admin' },
}

app.get('/report', { onRequest: eitherCredential, config }, async (request) => ({
  // Reading `request.tenant` where a user came in would throw, so ask which credential it was.
  by: 'x-tenant-api-key' in request.headers ? request.tenant.id : request.consoleUser.userId,
}))

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/report -H "x-tenant-api-key: ${key}"`)
console.log(
  `curl ${address}/report -H "Authorization: Bearer ${signer.signSession({ userId: 'user_1', orgId: tenant.id, orgRole: 'org:admin' })}"`,
)
