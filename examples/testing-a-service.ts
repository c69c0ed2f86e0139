/** Tests a service that uses both plugins, without a database and without Clerk: `node --import tsx --test <this file>`. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fastify from 'fastify'
import {
  consoleAuth,
  type ConsoleAuthOptions,
  KeyManager,
  type KeyStore,
  MemoryKeyStore,
  tenantAuth,
} from 'fastify-tenant-auth'
import { SessionSigner } from 'fastify-tenant-auth/testing'

/** The service under test. Its parameters are what differs between tests and production. */
function buildService(keyStore: KeyStore, consoleOptions: ConsoleAuthOptions) {
  const app = fastify()
  app.register(async (api) => {
    await api.register(tenantAuth, { keyStore })
    api.get('/orders', async (request) => ({ ordersOf: request.tenant.id }))
  })
  app.register(async (dashboard) => {
    await dashboard.register(consoleAuth, consoleOptions)
    const forAdmins = { config: { consoleAuth: { role: 'org:admin' } } }
    dashboard.delete('/console/orders', forAdmins, async (request) => ({ by: request.consoleUser.userId }))
  })
  return app
}

const keyStore = new MemoryKeyStore()
const keys = new KeyManager(keyStore)
const signer = new SessionSigner()
const { jwtKey, authorizedParties } = signer
const app = buildService(keyStore, { jwtKey, authorizedParties })
after(() => app.close())

test('a tenant sees its own orders, until its key is revoked', async () => {
  const { tenant } = await keys.createTenant({ id: 'org_acme', name: 'Acme' })
  const { key, details } = await keys.create({ tenantId: tenant.id, name: 'test', environment: 'test' })
  const request = { url: '/orders', headers: { 'x-tenant-api-key': key } }
  assert.deepEqual((await app.inject(request)).json(), { ordersOf: 'org_acme' })
  await keys.revoke(details.id)
  assert.equal((await app.inject(request)).statusCode, 401)
})

test('only an administrator deletes orders', async () => {
  const asRole = (orgRole: string) => {
    const token = signer.signSession({ userId: 'user_1', orgId: 'org_acme', orgRole })
    const headers = { authorization: `Bearer ${token}` }
    return app.inject({ method: 'DELETE', url: '/console/orders', headers })
  }
  assert.equal((await asRole('org:member')).statusCode, 403)
  assert.deepEqual((await asRole('org:admin')).json(), { by: 'user_1' })
})
