/** The OpenAPI document at `/docs/json`, and a viewer for it at `/docs`. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'

/** Register it first: it sees the routes that are defined after it. */
export async function apiDocument(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Loom API',
        version: '1.0.0',
        description:
          'Servers call the tenant API with a key in `x-tenant-api-key`; the dashboard calls `/console` with a session token.',
      },
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
}
