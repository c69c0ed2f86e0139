/** A scope guards all of its routes, wherever among them the plugin is registered. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fastify from 'fastify'
import { KeyManager } from '../../src/keys/key-manager.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'

it('a route declared before the plugin is registered still requires its scopes', async () => {
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

it('a misspelt requirement of a route declared before the plugin lets nobody in', async () => {
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
