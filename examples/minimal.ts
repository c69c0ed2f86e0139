/** One guarded scope beside an open route, with keys in memory. */
import fastify from 'fastify'
import { KeyManager, MemoryKeyStore, tenantAuth } from 'fastify-tenant-auth'

const keyStore = new MemoryKeyStore()
const keys = new KeyManager(keyStore)
const { tenant } = await keys.createTenant({ name: 'Acme' })
const { key } = await keys.create({ tenantId: tenant.id, name: 'server', environment: 'test' })

const app = fastify()
app.get('/health', async () => ({ status: 'ok' }))
await app.register(async (api) => {
  await api.register(tenantAuth, { keyStore })
  api.get('/whoami', async (request) => ({ tenant: request.tenant.name, key: request.tenantKey.name }))
})

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/whoami -H "x-tenant-api-key: ${key}"`)
