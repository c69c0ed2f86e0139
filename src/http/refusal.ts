/**
 * How both plugins refuse a request: one log line, one event, one prepared body.
 *
 * A refusal is a plain frozen object until somebody needs an error of it, so that refusing a flood of bad credentials
 * allocates next to nothing and captures no stack.
 */
import { channel } from 'node:diagnostics_channel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { envelopeBody } from './error-envelope.ts'
import { AuthError, type AuthErrorCode, type AuthErrorHeaders, statusOf } from './errors.ts'

/** What `fastify-tenant-auth:accepted` and `fastify-tenant-auth:refused` publish. Never a credential. */
export interface AuthEvent {
  plugin: 'tenantAuth' | 'consoleAuth' | 'keyRoutes'
  requestId: string
  /** Why, for a refusal: the stable word that the log has. */
  reason?: string
  keyId?: string
  tenantId?: string
  userId?: string
  /** The user who impersonates `userId`. */
  actorId?: string
}

/** Ask `hasSubscribers` before building an event. */
export const acceptedChannel = channel('fastify-tenant-auth:accepted')
export const refusedChannel = channel('fastify-tenant-auth:refused')

/** What an `AuthError` is made of. Build each once and share it: nothing writes to it. */
export interface Refusal {
  readonly code: AuthErrorCode
  readonly reason: string
  readonly headers: AuthErrorHeaders
  /** What went wrong behind a 503. It is logged, so it must not hold a credential. */
  readonly cause?: unknown
  /** Whose credential it is, where it is a good one that is not let in all the same. */
  readonly of?: Pick<AuthEvent, 'keyId' | 'tenantId' | 'userId' | 'actorId'>
}

/**
 * What to answer instead of the envelope: `'throw'` hands an `AuthError` to the app's error handler, a function returns
 * the body, or a promise of it (status and headers stay as they are). It is called once for each refusal; what it throws
 * goes to the app's error handler.
 */
export type ErrorResponseOption = 'throw' | ((error: AuthError, request: FastifyRequest) => unknown)

/** Logs and publishes a refusal. Once for each, however it is answered. */
export function recordRefusal(plugin: AuthEvent['plugin'], request: FastifyRequest, refusal: Refusal): void {
  const { reason, cause } = refusal
  if (cause !== undefined) request.log.warn({ plugin, reason, err: cause }, 'request refused')
  else request.log.info({ plugin, reason, ...refusal.of }, 'request refused')
  if (refusedChannel.hasSubscribers) {
    refusedChannel.publish({ plugin, requestId: request.id, reason, ...refusal.of } satisfies AuthEvent)
  }
}

/**
 * Answers a refusal from an `onRequest` hook of the `(request, reply, done)` form. `done` is called only with an error:
 * a reply that is sent ends the request.
 */
export function sendRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  errorResponse: ErrorResponseOption | undefined,
  done: (error: Error) => void,
): void {
  if (errorResponse !== undefined) {
    sendAs(errorResponse, request, reply, new AuthError(refusal.code, refusal), done)
    return
  }
  void reply
    .code(statusOf(refusal.code))
    .headers(refusal.headers)
    .type('application/json; charset=utf-8')
    .send(envelopeBody(request.id, refusal.code))
}

function sendAs(
  errorResponse: ErrorResponseOption,
  request: FastifyRequest,
  reply: FastifyReply,
  error: AuthError,
  done: (error: Error) => void,
): void {
  if (errorResponse === 'throw') {
    done(error)
    return
  }
  const send = (body: unknown) => void reply.code(error.statusCode).headers(error.headers).send(body)
  // `done` without an error would let the request in, and programs may throw anything.
  const fail = (thrown: unknown) =>
    done(
      thrown instanceof Error ? thrown : new Error('errorResponse threw what is no Error', { cause: thrown }),
    )
  try {
    const body = errorResponse(error, request)
    if (isThenable(body)) Promise.resolve(body).then(send).catch(fail)
    else send(body)
  } catch (thrown) {
    fail(thrown)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
