/**
 * Describes guarded routes in the OpenAPI document, if the app has registered `@fastify/swagger` before: their `security`
 * and their refusals. The app itself adds the schemes, with `securitySchemes`.
 *
 * The routes that Fastify runs keep their own response schemas, so that no response is serialized differently. Without
 * swagger, nothing is loaded for this.
 */
import type { FastifyContextConfig, FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { headerName } from './header-name.ts'

const KEY_HEADER = 'x-tenant-api-key'

/** @param header in lower case */
function keyScheme(header: string): string {
  return header === KEY_HEADER ? 'tenantApiKey' : `tenantApiKey.${header.replace(/[^\w.-]/g, '_')}`
}

/**
 * Returns the security schemes that guarded routes refer to, for the app's document:
 *
 * ```ts
 * await app.register(swagger, {
 *   openapi: { openapi: '3.1.0', components: { securitySchemes: securitySchemes() } },
 * })
 * ```
 *
 * For Swagger 2 (`securityDefinitions`), which has no bearer tokens, set `consoleSession` to
 * `{ type: 'apiKey', in: 'header', name: 'authorization' }`.
 *
 * @param header the option `header` of `tenantAuth`; the scheme of another header has another name
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function securitySchemes(header: string = KEY_HEADER) {
  const name = headerName(header, 'the header of securitySchemes')
  return {
    [keyScheme(name)]: { type: 'apiKey' as const, in: 'header' as const, name },
    consoleSession: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'JWT' },
  }
}

/** How a plugin describes the routes it guards. */
export interface GuardDescription {
  /** Name of the security scheme in the document. */
  name: string
  /** The description of each status. A route's own descriptions stay as they are. */
  responses: Readonly<Record<401 | 403 | 503, string>>
  /** Whether refusals have the body `ErrorResponse`. */
  envelope: boolean
  /** What a route requires besides a valid credential: scopes, a role, a permission. */
  demands: (config: FastifyContextConfig) => readonly string[]
}

/** @param envelope whether refusals have the body `ErrorResponse` */
export function tenantKeyGuard(header: string, envelope: boolean): GuardDescription {
  return {
    name: keyScheme(header),
    responses: {
      401: 'The API key is missing, invalid or expired',
      403: 'The API key does not have the required scope, or its tenant is suspended',
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
      403: 'The signed-in user does not have the required role or permission',
      503: 'The session token cannot be verified at the moment',
    },
    envelope,
    demands: ({ consoleAuth }) =>
      [consoleAuth?.role, consoleAuth?.permission].filter((demand) => demand !== undefined),
  }
}

type Schema = FastifySchema & { security?: readonly object[] }

/** Each plugin calls this in the scope that it guards. It describes the routes that are declared after the call. */
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
    // One object for all guards of a route means that all must be satisfied. The app's own `security` stays.
    const security = ofGuards.has(schema.security ?? []) ? schema.security?.[0] : undefined
    if (security !== undefined || schema.security === undefined) {
      const requirements = [{ ...security, [guard.name]: [] }]
      ofGuards.add(requirements)
      const described: Schema = { ...schema, security: requirements }
      route.schema = described
    }
    // A custom compiler, such as Zod's, would fail on a JSON schema.
    if (this.serializerCompiler === undefined) routes.push(route)
  })
  // By now Fastify has compiled its serializers, and only swagger still reads the schemas.
  app.addHook('onReady', async () => {
    for (const route of routes) {
      route.schema = { ...route.schema, response: responses(route, guard, body) }
    }
  })
}

/** The values of `security` that this file has set. */
const ofGuards = new WeakSet<readonly object[]>()

function responses({ config = {}, schema }: RouteOptions, guard: GuardDescription, body: object): object {
  const described: Record<string, object> = {
    ...((schema?.response as object | undefined) ?? { 200: { type: 'null', description: 'Success' } }),
  }
  const demands = guard.demands(config)
  for (const [status, text] of Object.entries(guard.responses)) {
    const description =
      status === '403' && demands.length > 0 ? `${text}. Required: ${demands.join(', ')}` : text
    described[status] ??= guard.envelope ? { ...body, description } : { type: 'null', description }
  }
  return described
}
