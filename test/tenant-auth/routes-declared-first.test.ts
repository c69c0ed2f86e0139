/** A scope guards its routes wherever the plugin is registered among them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fastify from 'fastify'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'

it('a route that was declared before the plugin was registered demands its scopes all the same', async () => {
  const keyStore = new MemoryKeyStore()
  const keys = new KeyManager(keyStore)
  await keys.createTenant({ id: 'tenant_1', name: 'One' })
  const createKey = async (scopes: string[]) =>
    (await keys.create({ tenantId: 'tenant_1', name: 'k', environment: 'live', scopes })).key
  const app = fastify()
  app.get('/', { config: { tenantAuth: { scopes: ['usage:read'] } } }, () => 'in')
  await app.register(tenantAuth, { keyStore })
  const status = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/', headers })).statusCode
  assert.equal(await status({}), 401)
  assert.equal(await status({ 'x-tenant-api-key': await createKey([]) }), 403)
  assert.equal(await status({ 'x-tenant-api-key': await createKey(['usage:read']) }), 200)
  await app.close()
})

it('a demand of such a route that is misspelt is met by nobody', async () => {
  const keyStore = new MemoryKeyStore()
  const keys = new KeyManager(keyStore)
  await keys.createTenant({ id: 'tenant_1', name: 'One' })
  const { key } = await keys.create({
    tenantId: 'tenant_1',
    name: 'k',
    environment: 'live',
    scopes: ['usage:read'],
  })
  const app = fastify()
  app.get('/', { config: { tenantAuth: { scope: ['usage:read'] } as never } }, () => 'in')
  await app.register(tenantAuth, { keyStore })
  assert.equal((await app.inject({ url: '/', headers: { 'x-tenant-api-key': key } })).statusCode, 403)
  await app.close()
})
