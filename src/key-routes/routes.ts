/** The six routes. Each validates its input, calls the `KeyManager`, and returns what may be shown. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TenantAuthError } from '../http/errors.ts'
import type { KeyDetails } from '../stores/writable-key-store.ts'
import { invalid } from '../keys/text.ts'
import type { Caller } from './access.ts'
import { audited, type Change } from './audit.ts'
import { bodyOf, queryOf } from './body.ts'
import * as operations from './operations.ts'
import type { KeyRoutesSettings } from './options.ts'
import { confirmation, createdBy, present } from './presentation.ts'
import type * as schemas from './schemas.ts'
import { hasTenant, inTenant } from './tenants.ts'
import { compile, InvalidRequest } from './validation.ts'

/** A request that its schemas accept. */
interface Call<Body, Query> {
  request: FastifyRequest
  caller: Caller
  id: string
  body: Body
  query: Query
  /** From the header `Idempotency-Key`, for operations that take it. */
  idempotency: { idempotencyKey?: string }
}

export function defineRoutes(
  app: FastifyInstance,
  settings: KeyRoutesSettings,
  callerOf: (request: FastifyRequest) => Caller,
): void {
  const { keys } = settings
  const tell = <Result>(
    { request, caller }: Call<unknown, unknown>,
    change: Change,
    make: () => Promise<Result>,
    made?: (result: Result) => Partial<Change>,
  ) => audited(request, caller, settings.onAudit, change, make, made)

  define(
    'GET',
    '/keys',
    operations.listKeys,
    async ({ request, caller, query }: Call<null, schemas.ListQuery>) => {
      const { tenantId } = caller
      const page = await keys.list({ ...withMoments(query), tenantId })
      // If there are keys, there is a tenant.
      const canWrite =
        caller.canWrite && (page.keys.length > 0 || (await hasTenant(request, caller, settings)))
      return { keys: page.keys.map(present), nextCursor: page.nextCursor, canWrite }
    },
  )

  define('POST', '/keys', operations.createKey, async (call: Call<schemas.CreateBody, null>) => {
    const { request, caller, body, idempotency } = call
    checkGrant(body.scopes)
    const values = { ...withMoments(body), tenantId: caller.tenantId, createdBy: createdBy(caller.user) }
    const { key, details } = await tell(
      call,
      { action: 'key.create', keyId: null, input: body },
      () => inTenant(request, caller, settings, () => keys.create({ ...values, ...idempotency })),
      (created) => ({ keyId: created.details.id }),
    )
    return { key, details: present(details) }
  })

  define('GET', '/keys/:id', operations.getKey, async ({ caller: { tenantId }, id }) =>
    present(await keys.get(id, { tenantId })),
  )

  define('PATCH', '/keys/:id', operations.updateKey, async (call: Call<schemas.UpdateBody, null>) => {
    const { caller, id, body } = call
    checkGrant(body.scopes)
    if (widens(body) && body.scopes === undefined) await checkInherited(id, caller)
    const { details, ...reach } = await tell(call, { action: 'key.update', keyId: id, input: body }, () =>
      keys.update(id, withMoments(body), { tenantId: caller.tenantId }),
    )
    return { details: present(details), ...confirmation(reach) }
  })

  define('POST', '/keys/:id/rotate', operations.rotateKey, async (call: Call<schemas.RotateBody, null>) => {
    const { caller, id, body, idempotency } = call
    const { graceSeconds, ...expiry } = withMoments(body)
    await checkInherited(id, caller)
    const { key, details, retired, ...reach } = await tell(
      call,
      { action: 'key.rotate', keyId: id, newKeyId: null, input: body },
      () =>
        keys.rotate(id, {
          tenantId: caller.tenantId,
          createdBy: createdBy(caller.user),
          ...expiry,
          ...(graceSeconds !== undefined && { grace: graceSeconds * 1_000 }),
          ...idempotency,
        }),
      (rotated) => ({ newKeyId: rotated.details.id }),
    )
    return { key, details: present(details), retired: present(retired), ...confirmation(reach) }
  })

  define('DELETE', '/keys/:id', operations.revokeKey, async (call) => {
    const { caller, id } = call
    const { details, ...reach } = await tell(call, { action: 'key.revoke', keyId: id, input: {} }, () =>
      keys.revoke(id, { tenantId: caller.tenantId }),
    )
    return { details: present(details), ...confirmation(reach) }
  })

  /** A user must not get scopes that they may not grant by rotating or widening a key that an operator made. */
  async function checkInherited(id: string, { tenantId }: Caller): Promise<void> {
    if (settings.scopes === 'any') return
    const { scopes }: KeyDetails = await keys.get(id, { tenantId })
    const { scopes: granted } = settings
    if (scopes.every((scope) => granted.includes(scope))) return
    throw new TenantAuthError(
      'KEY_INVALID',
      'The key has scopes that only an operator may grant: revoke it, or create another one',
    )
  }

  function checkGrant(scopes: readonly string[] = []): void {
    const { scopes: granted } = settings
    if (granted === 'any' || scopes.every((scope) => granted.includes(scope))) return
    throw invalid('scopes', granted.length === 0 ? 'empty' : `among ${granted.join(', ')}`)
  }

  /**
   * Defines a route that reads and validates the request itself, whatever the app's hooks and parsers made of it. It
   * sends bytes, which the app's serializers and `preSerialization` hooks leave as they are.
   */
  function define<Body, Query>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    schema: operations.Operation,
    answer: (call: Call<Body, Query>) => Promise<object>,
  ): void {
    const checks = {
      params: compile('params', schema.params),
      body: compile('body', schema.body),
      querystring: compile('querystring', schema.querystring),
      headers: compile('headers', schema.headers),
    }
    app.route({
      method,
      url,
      schema,
      handler: async (request, reply) => {
        const { 'idempotency-key': idempotencyKey } = request.headers
        // The other routes are safe to repeat anyway. A client relies on the header, so it is refused, not ignored.
        if (schema.headers === undefined && idempotencyKey !== undefined) {
          throw new InvalidRequest('headers must be without Idempotency-Key: only create and rotate take it')
        }
        const { id = '' } = checks.params(request.params) as { id?: string }
        const body = checks.body(bodyOf(request)) as Body
        const query = checks.querystring(queryOf(request)) as Query
        checks.headers(request.headers)
        const idempotency = typeof idempotencyKey === 'string' ? { idempotencyKey } : {}
        const told = await answer({ request, caller: callerOf(request), id, body, query, idempotency })
        const status = schema.response[201] === undefined ? 200 : 201
        return reply
          .code(status)
          .type('application/json; charset=utf-8')
          .send(Buffer.from(JSON.stringify(told)))
      },
    })
  }
}

/** Whether a change may let the key do more with the scopes that it has. */
function widens({ expiresAt, paused, networks }: schemas.UpdateBody): boolean {
  return expiresAt !== undefined || paused === false || networks !== undefined
}

const MOMENTS = new Set(['expiresAt', 'unusedSince', 'endsBefore'])
type WithMoments<Input> = {
  [Name in keyof Input]: Name extends 'expiresAt' | 'unusedSince' | 'endsBefore'
    ? Exclude<Input[Name], string> | Date
    : Input[Name]
}

function withMoments<Input extends object>(input: Input): WithMoments<Input> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]: [string, unknown]) => [
      name,
      MOMENTS.has(name) && typeof value === 'string' ? new Date(value) : value,
    ]),
  ) as WithMoments<Input>
}
