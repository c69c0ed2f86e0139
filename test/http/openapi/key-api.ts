/** Starts a service with a guarded route, the key routes and an OpenAPI document, and signs a user in. */
import swagger from '@fastify/swagger'
import { Type } from '@sinclair/typebox'
import fastify, { type FastifyInstance } from 'fastify'
import { consoleAuth } from '../../../src/console-auth/index.ts'
import { securitySchemes } from '../../../src/http/openapi.ts'
import { keyRoutes } from '../../../src/key-routes/index.ts'
import { KeyManager } from '../../../src/keys/index.ts'
import { MemoryKeyStore } from '../../../src/stores/memory.ts'
import { tenantAuth } from '../../../src/tenant-auth/index.ts'
import { SessionSigner } from '../../../src/testing/index.ts'

export async function openKeyApi(): Promise<{ app: FastifyInstance; baseUrl: string; token: string }> {
  const app = fastify()
  const signer = new SessionSigner()
  const keyStore = new MemoryKeyStore()
  const keys = new KeyManager(keyStore, { scopes: ['usage:read'] })
  await keys.createTenant({ id: 'org_a', name: 'A' })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Keys', version: '1' },
      components: { securitySchemes: securitySchemes() },
    },
  })
  await app.register(async (api) => {
    await api.register(tenantAuth, { keyStore })
    const schema = { response: { 200: Type.Object({ tenant: Type.String() }) } }
    const config = { tenantAuth: { scopes: ['usage:read'] } }
    api.get('/usage', { schema, config }, async (request) => ({ tenant: request.tenant.id }))
  })
  await app.register(
    async (dashboard) => {
      const { jwtKey, authorizedParties } = signer
      await dashboard.register(consoleAuth, { jwtKey, authorizedParties })
      await dashboard.register(keyRoutes, { keys })
    },
    { prefix: '/console' },
  )
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  const token = signer.signSession({ userId: 'user_1', orgId: 'org_a', orgRole: 'org:admin' })
  return { app, baseUrl, token }
}
