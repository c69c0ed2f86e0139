/** One route for both: a tenant's key or a signed-in user. The header decides which plugin's check the route calls. */
import fastify, { type onRequestAsyncHookHandler } from 'fastify'
import { consoleAuth, errorEnvelope, KeyManager, MemoryKeyStore, tenantAuth } from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'

const keyStore = new MemoryKeyStore()
const keys = new KeyManager(keyStore)
const { tenant } = await keys.createTenant({ name: 'Acme' })
const scopes = ['report:read']
const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'test', scopes })
// In a real service, use Clerk's public key and the origins of your dashboard.
const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer

const app = fastify()
app.setErrorHandler(errorEnvelope)
// `addHook: false`: the plugins guard nothing by themselves, and each route calls the check that it needs.
await app.register(tenantAuth, { keyStore, addHook: false })
await app.register(consoleAuth, { jwtKey, authorizedParties, addHook: false })

// One check or the other, not both in turn, so that the client gets the response of that check, even a 403 or a 503.
const eitherCredential: onRequestAsyncHookHandler = async (request, reply) =>
  'x-tenant-api-key' in request.headers
    ? app.verifyTenantKey(request, reply)
    : app.verifyConsoleSession(request, reply)

// A credential cannot meet demands on the other kind, and is refused unless the route sets `eitherCredential`. Then each
// has to meet only the demands on its own kind: scopes of a key, a role of a user.
const config = {
  eitherCredential: true,
  tenantAuth: { scopes },
  consoleAuth: { role: 'org:admin' },
}

app.get('/report', { onRequest: eitherCredential, config }, async (request) => ({
  // `request.tenant` throws if a user came in, so check which credential it was.
  by: 'x-tenant-api-key' in request.headers ? request.tenant.id : request.consoleUser.userId,
}))

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/report -H "x-tenant-api-key: ${key}"`)
console.log(
  `curl ${address}/report -H "Authorization: Bearer ${signer.signSession({ userId: 'user_1', orgId: tenant.id, orgRole: 'org:admin' })}"`,
)
