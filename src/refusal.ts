/**
 * How both plugins refuse a request: one log line, one event, one prepared body.
 *
 * A refusal is a plain frozen object until somebody needs an error of it, so that refusing a flood of bad credentials
 * allocates next to nothing and captures no stack.
 */
import { channel } from 'node:diagnostics_channel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthError, type AuthErrorCode, type AuthErrorHeaders, envelopeBody, statusOf } from './errors.ts'

/** What `fastify-tenant-auth:accepted` and `fastify-tenant-auth:refused` publish. Never a credential. */
export interface AuthEvent {
  plugin: 'tenantAuth' | 'consoleAuth' | 'keyRoutes'
  requestId: string
  /** Why, for a refusal: the stable word that the log has. */
  reason?: string
  keyId?: string
  tenantId?: string
  userId?: string
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
}

/**
 * What to answer instead of the envelope: `'throw'` hands an `AuthError` to the app's error handler, a function returns
 * the body (status and headers stay as they are). It is called once for each refusal and must not be async.
 */
export type ErrorResponseOption = 'throw' | ((error: AuthError, request: FastifyRequest) => unknown)

/** Logs and publishes a refusal. Once for each, however it is answered. */
export function recordRefusal(
  plugin: AuthEvent['plugin'],
  request: FastifyRequest,
  { reason, cause }: Refusal,
): void {
  if (cause === undefined) request.log.info({ plugin, reason }, 'request refused')
  else request.log.warn({ plugin, reason, err: cause }, 'request refused')
  if (refusedChannel.hasSubscribers) {
    refusedChannel.publish({ plugin, requestId: request.id, reason } satisfies AuthEvent)
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
  if (errorResponse === 'throw') {
    done(new AuthError(refusal.code, refusal))
    return
  }
  let body
  try {
    body = errorResponse?.(new AuthError(refusal.code, refusal), request)
  } catch (error) {
    done(error as Error)
    return
  }
  void reply.code(statusOf(refusal.code)).headers(refusal.headers)
  if (errorResponse !== undefined) void reply.send(body)
  else void reply.type('application/json; charset=utf-8').send(envelopeBody(request.id, refusal.code))
}
