/** What a key may do: a route names the scopes it requires, and a key that lacks one gets a 403. */
import fastify from 'fastify'
import { KeyManager, MemoryKeyStore, tenantAuth } from 'fastify-tenant-auth'

const keyStore = new MemoryKeyStore()
// With the list of all scopes, no key can be given a misspelled one.
const keys = new KeyManager(keyStore, { scopes: ['usage:read', 'tokens:validate'] })
const { tenant } = await keys.createTenant({ name: 'Acme' })
const { key } = await keys.create({
  tenantId: tenant.id,
  name: 'reporting',
  environment: 'test',
  scopes: ['usage:read'],
})

const app = fastify()
await app.register(tenantAuth, { keyStore })
app.get('/usage', { config: { tenantAuth: { scopes: ['usage:read'] } } }, async () => ({ calls: 0 }))
app.post('/tokens/validate', { config: { tenantAuth: { scopes: ['tokens:validate'] } } }, async () => ({
  valid: false,
}))

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/usage -H "x-tenant-api-key: ${key}"`)
console.log(`curl -X POST ${address}/tokens/validate -H "x-tenant-api-key: ${key}"`)
