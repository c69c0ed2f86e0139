/**
 * Describes guarded routes in the OpenAPI document, where the app has registered `@fastify/swagger` before: what they take
 * as `security`, and how they refuse. The schemes themselves are the app's to add: `securitySchemes`.
 *
 * The routes that Fastify runs keep the schemas they were given, so that no answer is serialised differently because of it,
 * and without swagger nothing of this is loaded.
 */
import type { FastifyContextConfig, FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { headerName } from './header-name.ts'

const KEY_HEADER = 'x-tenant-api-key'

/** @param header in lower case */
function keyScheme(header: string): string {
  return header === KEY_HEADER ? 'tenantApiKey' : `tenantApiKey.${header.replace(/[^\w.-]/g, '_')}`
}

/**
 * The security schemes that guarded routes refer to, for the document of the app:
 *
 * ```ts
 * await app.register(swagger, {
 *   openapi: { openapi: '3.1.0', components: { securitySchemes: securitySchemes() } },
 * })
 * ```
 *
 * For Swagger 2 (`securityDefinitions`), which has no bearer tokens, `consoleSession` is to be
 * `{ type: 'apiKey', in: 'header', name: 'authorization' }`.
 *
 * @param header option `header` of `tenantAuth`; another one has a scheme of another name
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function securitySchemes(header: string = KEY_HEADER) {
  const name = headerName(header, 'the header of securitySchemes')
  return {
    [keyScheme(name)]: { type: 'apiKey' as const, in: 'header' as const, name },
    consoleSession: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT' },
  }
}

/** What a plugin says of the routes it guards. */
export interface GuardDescription {
  /** Name of the security scheme in the document. */
  name: string
  /** What each status says here. Those that a route describes itself stay as they are. */
  responses: Readonly<Record<401 | 403 | 503, string>>
  /** Whether they have the body `ErrorResponse`. */
  envelope: boolean
  /** What a route demands beyond a valid credential: scopes, a role, a permission. */
  demands: (config: FastifyContextConfig) => readonly string[]
}

/** @param envelope whether refusals have the body `ErrorResponse` */
export function tenantKeyGuard(header: string, envelope: boolean): GuardDescription {
  return {
    name: keyScheme(header),
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

type Schema = FastifySchema & { security?: readonly object[] }

/** For a plugin to call in the scope that it guards. Routes that are defined after the call are described. */
export async function describeGuard(app: FastifyInstance, guard: GuardDescription): Promise<void> {
  if (!app.hasDecorator('swagger')) return
  const { ErrorResponse } = await import('./error-response.ts')
  // Swagger 2 has no examples in a schema.
  const plain = JSON.stringify(ErrorResponse, (name, value: unknown) =>
    name === 'examples' ? undefined : value,
  )
  const body = JSON.parse(plain) as object
  const routes: RouteOptions[] = []
  app.addHook('onRoute', function (this: FastifyInstance, route) {
    const schema: Schema = route.schema ?? {}
    // One object for all guards of a route: each of them has to be satisfied. What the app says itself stays.
    const security = ofGuards.has(schema.security ?? []) ? schema.security?.[0] : undefined
    if (security !== undefined || schema.security === undefined) {
      const requirements = [{ ...security, [guard.name]: [] }]
      ofGuards.add(requirements)
      const described: Schema = { ...schema, security: requirements }
      route.schema = described
    }
    // Zod's compilers, say, would stumble over a JSON schema.
    if (this.serializerCompiler === undefined) routes.push(route)
  })
  // By now Fastify has compiled what it serialises by, and only swagger is still to read the schemas.
  app.addHook('onReady', async () => {
    for (const route of routes) {
      route.schema = { ...route.schema, response: responses(route, guard, body) }
    }
  })
}

/** Requirements that were made here. */
const ofGuards = new WeakSet<readonly object[]>()

function responses({ config = {}, schema }: RouteOptions, guard: GuardDescription, body: object): object {
  const described: Record<string, object> = {
    ...((schema?.response as object | undefined) ?? { 200: { type: 'null', description: 'Success' } }),
  }
  const demands = guard.demands(config)
  for (const [status, text] of Object.entries(guard.responses)) {
    const description =
      status === '403' && demands.length > 0 ? `${text}. Takes: ${demands.join(', ')}` : text
    described[status] ??= guard.envelope ? { ...body, description } : { type: 'null', description }
  }
  return described
}
