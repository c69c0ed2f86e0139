/** One instance of the demo: an ordinary service that guards its routes with `tenantAuth`. */
import Fastify from 'fastify'
import { KeyManager } from 'fastify-tenant-auth'
import { tenantAuth } from 'fastify-tenant-auth/tenant-auth'
import { openKeyStore } from './key-store.ts'

const keyStore = await openKeyStore(process.argv[2] ?? '')
const keys = new KeyManager(keyStore)

const app = Fastify()
await app.register(async (api) => {
  await api.register(tenantAuth, { keyStore })
  api.get('/usage', async (request) => ({ tenant: request.tenant.id }))
})
// Only the demo's own process calls these. A real service would guard them with `consoleAuth`.
app.post<{ Params: { tenant: string } }>('/admin/tenants/:tenant/keys', async ({ params: { tenant } }) => {
  await keys.createTenant({ id: tenant, name: tenant }).catch(() => {})
  return keys.create({ tenantId: tenant, name: 'demo', environment: 'live' })
})
app.post<{ Params: { id: string } }>('/admin/keys/:id/revoke', ({ params: { id } }) => keys.revoke(id))

await app.listen({ host: '127.0.0.1', port: 0 })
process.on('disconnect', () => process.exit())
process.send?.(app.server.address())
