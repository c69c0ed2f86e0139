/** Your own store: five lines over whatever holds your keys now. Here, a Map holds keys of another form. */
import { createHash } from 'node:crypto'
import fastify from 'fastify'
import { type KeyStore, tenantAuth } from 'fastify-tenant-auth'

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex')
const rows = new Map([[sha256('acme-secret-key-1'), { id: 1, customer: 'acme', scopes: ['usage:read'] }]])

const keyStore: KeyStore = {
  async findByHash(hash) {
    const row = rows.get(hash)
    return row && { id: `key_${row.id}`, tenant: { id: row.customer }, scopes: row.scopes }
  },
}

const app = fastify()
// These keys have no checksum. The store has no coherence side, so a removed key may be accepted for up to `ttl`.
await app.register(tenantAuth, { keyStore, keyFormat: 'any', cache: { ttl: 1_000 } })
app.get('/whoami', async (request) => ({ tenant: request.tenant.id }))

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/whoami -H "x-tenant-api-key: acme-secret-key-1"`)
