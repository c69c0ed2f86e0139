/** The six routes: each takes its input apart, calls the `KeyManager`, and shows what may be shown. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Confirmation } from '../stores/coherent-key-store.ts'
import type { Caller } from './access.ts'
import { audited } from './audit.ts'
import * as operations from './operations.ts'
import type { KeyRoutesSettings } from './options.ts'
import { present } from './presentation.ts'
import type * as schemas from './schemas.ts'
import { InvalidRequest } from './validation.ts'

export function defineRoutes(
  app: FastifyInstance,
  { keys, onAudit }: KeyRoutesSettings,
  callerOf: (request: FastifyRequest) => Caller,
): void {
  app.get<{ Querystring: schemas.ListQuery }>(
    '/keys',
    { schema: operations.listKeys, preValidation: refuseIdempotencyKey },
    async (request) => {
      const { tenantId, canWrite } = callerOf(request)
      const page = await keys.list({ tenantId, ...request.query })
      return { keys: page.keys.map(present), nextCursor: page.nextCursor, canWrite }
    },
  )

  app.post<{ Body: schemas.CreateBody; Headers: schemas.IdempotencyHeaders }>(
    '/keys',
    { schema: operations.createKey },
    async (request, reply) => {
      const caller = callerOf(request)
      const { body } = request
      const created = await audited(
        request,
        caller,
        onAudit,
        { action: 'key.create', keyId: null, input: body },
        () =>
          keys.create({
            ...withExpiry(body),
            tenantId: caller.tenantId,
            createdBy: caller.user.userId,
            ...idempotency(request.headers),
          }),
        ({ details }) => ({ keyId: details.id }),
      )
      return reply.code(201).send({ key: created.key, details: present(created.details) })
    },
  )

  app.get<{ Params: schemas.KeyParams }>(
    '/keys/:id',
    { schema: operations.getKey, preValidation: refuseIdempotencyKey },
    async (request) => {
      const { tenantId } = callerOf(request)
      return present(await keys.get(request.params.id, { tenantId }))
    },
  )

  app.patch<{ Params: schemas.KeyParams; Body: schemas.UpdateBody }>(
    '/keys/:id',
    { schema: operations.updateKey, preValidation: refuseIdempotencyKey },
    async (request) => {
      const caller = callerOf(request)
      const { body, params } = request
      const change = { action: 'key.update', keyId: params.id, input: body } as const
      const { details, ...reach } = await audited(request, caller, onAudit, change, () =>
        keys.update(params.id, withExpiry(body), { tenantId: caller.tenantId }),
      )
      return { details: present(details), ...confirmation(reach) }
    },
  )

  app.post<{ Params: schemas.KeyParams; Body: schemas.RotateBody; Headers: schemas.IdempotencyHeaders }>(
    '/keys/:id/rotate',
    { schema: operations.rotateKey },
    async (request, reply) => {
      const caller = callerOf(request)
      const { body, params } = request
      const { graceSeconds, ...expiry } = withExpiry(body)
      const rotated = await audited(
        request,
        caller,
        onAudit,
        { action: 'key.rotate', keyId: params.id, newKeyId: null, input: body },
        () =>
          keys.rotate(params.id, {
            tenantId: caller.tenantId,
            createdBy: caller.user.userId,
            ...expiry,
            ...(graceSeconds !== undefined && { grace: graceSeconds * 1_000 }),
            ...idempotency(request.headers),
          }),
        ({ details }) => ({ newKeyId: details.id }),
      )
      const { key, details, retired, ...reach } = rotated
      return reply
        .code(201)
        .send({ key, details: present(details), retired: present(retired), ...confirmation(reach) })
    },
  )

  app.delete<{ Params: schemas.KeyParams }>(
    '/keys/:id',
    { schema: operations.revokeKey, preValidation: refuseIdempotencyKey },
    async (request) => {
      const caller = callerOf(request)
      const { id } = request.params
      const change = { action: 'key.revoke', keyId: id, input: {} } as const
      const { details, ...reach } = await audited(request, caller, onAudit, change, () =>
        keys.revoke(id, { tenantId: caller.tenantId }),
      )
      return { details: present(details), ...confirmation(reach) }
    },
  )
}

function withExpiry<Body extends { expiresAt?: string | null }>(body: Body) {
  const { expiresAt, ...rest } = body
  if (expiresAt === undefined) return rest
  return { ...rest, expiresAt: expiresAt === null ? null : new Date(expiresAt) }
}

function confirmation({ epoch, confirmedBy, instances, waitedMs }: Confirmation): Confirmation {
  return { epoch, confirmedBy, instances, waitedMs }
}

function idempotency(headers: schemas.IdempotencyHeaders): { idempotencyKey?: string } {
  const idempotencyKey = headers['idempotency-key']
  return idempotencyKey === undefined ? {} : { idempotencyKey }
}

/** The other routes may be repeated as they are. The header asks for a promise, and is refused rather than ignored. */
async function refuseIdempotencyKey(request: FastifyRequest): Promise<void> {
  if (request.headers['idempotency-key'] !== undefined) {
    throw new InvalidRequest('headers must be without Idempotency-Key: only create and rotate take it')
  }
}
