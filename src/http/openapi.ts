/**
 * Describes guarded routes in the OpenAPI document, where the app has registered `@fastify/swagger`.
 *
 * Only the document changes. The routes that Fastify runs keep the schemas they were given, so that no answer is
 * serialised differently because of it, and without swagger nothing of this is loaded.
 */
import type { FastifyContextConfig, FastifyInstance, FastifySchema, RouteOptions } from 'fastify'

/** What a plugin says of the routes it guards. */
export interface GuardDescription {
  /** Name of the security scheme in the document. */
  name: string
  scheme:
    { type: 'apiKey'; in: 'header'; name: string } | { type: 'http'; scheme: 'bearer'; bearerFormat: 'JWT' }
  /** What each status says here. Those that a route describes itself stay as they are. */
  responses: Readonly<Record<401 | 403 | 503, string>>
  /** Whether they have the body `ErrorResponse`. */
  envelope: boolean
  /** What a route demands beyond a valid credential: scopes, a role, a permission. */
  demands: (config: FastifyContextConfig) => readonly string[]
}

/** @param envelope whether refusals have the body `ErrorResponse` */
export function tenantKeyGuard(header: string, envelope: boolean): GuardDescription {
  const name =
    header === 'x-tenant-api-key' ? 'tenantApiKey' : `tenantApiKey.${header.replace(/[^\w.-]/g, '_')}`
  return {
    name,
    scheme: { type: 'apiKey', in: 'header', name: header },
    responses: {
      401: 'The API key is missing, invalid or expired',
      403: 'The API key does not have the scope that this takes, or its tenant is suspended',
      503: 'The API key cannot be verified at the moment',
    },
    envelope,
    demands: ({ tenantAuth }) => tenantAuth?.scopes ?? [],
  }
}

/** @param envelope whether refusals have the body `ErrorResponse` */
export function consoleSessionGuard(envelope: boolean): GuardDescription {
  return {
    name: 'consoleSession',
    scheme: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
    responses: {
      401: 'The session token is missing, invalid or expired',
      403: 'The signed-in user does not have the role or permission that this takes',
      503: 'The session token cannot be verified at the moment',
    },
    envelope,
    demands: ({ consoleAuth }) =>
      [consoleAuth?.role, consoleAuth?.permission].filter((demand) => demand !== undefined),
  }
}

type Schema = FastifySchema & { security?: readonly object[]; hide?: boolean }

/** The parts that are completed here of a document in the making, OpenAPI 3 or Swagger 2. */
interface DocumentInTheMaking {
  url: string
  openapiObject?: { openapi: string; components: { securitySchemes?: object } }
  swaggerObject?: { securityDefinitions?: object }
}

interface GuardedRoute {
  guards: GuardDescription[]
  /** As the app wrote it: a document may be made twice, as JSON and as YAML. */
  schema?: Schema
  /** Whether its schemas are JSON schemas. Not so with zod's compilers, whose transform would stumble over ours. */
  jsonSchema: boolean
}

/** By the `swagger` decorator, because guards in scopes apart describe their routes in one document. */
const documents = new WeakMap<object, Map<RouteOptions, GuardedRoute>>()
let hiddenRoutes = 0

/** For a plugin to call in the scope that it guards. Routes that are defined after the call are described. */
export async function describeGuard(app: FastifyInstance, guard: GuardDescription): Promise<void> {
  if (!app.hasDecorator('swagger')) return
  const { ErrorResponse } = await import('./error-response.ts')
  // Not by getDecorator, which binds functions anew each time.
  const document = (app as FastifyInstance & { swagger: object }).swagger
  const routes = documents.get(document) ?? new Map<RouteOptions, GuardedRoute>()
  if (!documents.has(document)) {
    documents.set(document, routes)
    defineHiddenRoute(app, (made) => complete(made, routes, ErrorResponse))
  }
  app.addHook('onRoute', function (this: FastifyInstance, route) {
    const known = routes.get(route)
    if (known) known.guards.push(guard)
    else routes.set(route, { guards: [guard], jsonSchema: this.serializerCompiler === undefined })
  })
}

/**
 * A route that answers 404 and is not in the document. Swagger shows a document in the making to transforms of single
 * routes and to nobody else, and a transform on the guarded routes would take the place of the app's own. It goes
 * through the routes in the order of their definition, so that this one comes before those it completes.
 */
function defineHiddenRoute(app: FastifyInstance, onDocument: (made: DocumentInTheMaking) => void): void {
  const hidden = { hide: true } as FastifySchema
  const swaggerTransform = (made: DocumentInTheMaking) => {
    onDocument(made)
    return { schema: hidden, url: made.url }
  }
  hiddenRoutes += 1
  app.route({
    method: 'TRACE',
    url: `/fastify-tenant-auth/openapi-${hiddenRoutes}`,
    schema: hidden,
    config: { swaggerTransform } as FastifyContextConfig,
    handler: (_request, reply) => reply.callNotFound(),
  })
}

function complete(
  { openapiObject, swaggerObject }: DocumentInTheMaking,
  routes: Map<RouteOptions, GuardedRoute>,
  errorResponse: object,
): void {
  // OpenAPI 3.0 and Swagger 2 know demands of OAuth 2 alone. In any case they stand in the description of the 403.
  const withDemands = openapiObject !== undefined && !openapiObject.openapi.startsWith('3.0')
  const body = openapiObject ? errorResponse : withoutExamples(errorResponse)
  for (const [route, guarded] of routes) {
    // What the app defines by the same name is better informed.
    for (const { name, scheme } of guarded.guards) {
      if (openapiObject) {
        const { components } = openapiObject
        components.securitySchemes = { [name]: scheme, ...components.securitySchemes }
      }
      if (swaggerObject) {
        const definition = scheme.type === 'http' ? BEARER_OF_SWAGGER_2 : scheme
        swaggerObject.securityDefinitions = { [name]: definition, ...swaggerObject.securityDefinitions }
      }
    }
    guarded.schema ??= route.schema ?? {}
    const security = guarded.schema.security ?? [demandsByScheme(route, guarded, withDemands)]
    const response = guarded.jsonSchema ? { response: responses(route, guarded, body) } : undefined
    route.schema = { ...guarded.schema, security, ...response } as FastifySchema
  }
}

const BEARER_OF_SWAGGER_2 = { type: 'apiKey', in: 'header', name: 'Authorization' }

/** One object for all guards: each of them has to be satisfied. */
function demandsByScheme(
  { config = {} }: RouteOptions,
  { guards }: GuardedRoute,
  withDemands: boolean,
): object {
  return Object.fromEntries(guards.map(({ name, demands }) => [name, withDemands ? demands(config) : []]))
}

function responses({ config = {} }: RouteOptions, { guards, schema }: GuardedRoute, body: object): object {
  const described: Record<string, object> = {
    ...(schema?.response ?? { 200: { type: 'null', description: 'Success' } }),
  }
  for (const guard of guards) {
    const demands = guard.demands(config)
    for (const [status, text] of Object.entries(guard.responses)) {
      const description =
        status === '403' && demands.length > 0 ? `${text}. Takes: ${demands.join(', ')}` : text
      described[status] ??= guard.envelope ? { ...body, description } : { type: 'null', description }
    }
  }
  return described
}

/** Swagger 2 has no examples in a schema, and JSON schema has them in no other place. */
function withoutExamples(schema: object): object {
  const keep = (name: string, value: unknown) => (name === 'examples' ? undefined : value)
  return JSON.parse(JSON.stringify(schema, keep)) as object
}
