/** The OpenAPI document at `/docs/json`, and a viewer for it at `/docs`. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { ErrorResponse, securitySchemes } from 'fastify-tenant-auth'

/** Register it first: it sees only routes that are declared after it. */
export async function apiDocument(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      components: { securitySchemes: securitySchemes() },
      info: {
        title: 'Loom API',
        version: '1.0.0',
        description:
          'Servers call the tenant API with a key in `x-tenant-api-key`; the dashboard calls `/console` with a session token.',
      },
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // Off loopback, it would send a browser from http to https, which this server does not have.
    transformStaticCSP: (policy) => policy.replace(' upgrade-insecure-requests;', ''),
  })
}

/** What swagger reads of a route's schema besides Fastify's own properties. */
interface Operation extends FastifySchema {
  operationId: string
  summary: string
  description?: string
}

/** Only for the types: Fastify's do not include swagger's. */
export function operation(described: Operation): FastifySchema {
  return described
}

/** For routes that are not part of the API. */
export const hidden = { hide: true } as FastifySchema

/** For the `response` of a route that takes input. */
export const badRequest = {
  400: { ...ErrorResponse, description: 'The request is not acceptable; the message says why' },
}
