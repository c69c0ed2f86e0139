/** A store of your own: five lines over whatever keeps your keys now, here keys of another form in a Map. */
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
// These keys have no checksum. Without the coherence side, `ttl` is the longest that a removed key may live on.
await app.register(tenantAuth, { keyStore, keyFormat: 'any', cache: { ttl: 1_000 } })
app.get('/whoami', async (request) => ({ tenant: request.tenant.id }))

const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`curl ${address}/whoami -H "x-tenant-api-key: acme-secret-key-1"`)
