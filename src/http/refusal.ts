/**
 * Answers a refused request, logs it and publishes it.
 *
 * A refusal is a plain object until an error is needed, so that refusing a flood of bad credentials allocates next to
 * nothing and captures no stack.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Option, optional, required } from '../lib/options.ts'
import { asError, quietly } from '../lib/quietly.ts'
import type { Sampler } from '../lib/sampler.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import { envelopeBody } from './error-envelope.ts'
import { AuthError, type AuthErrorCode, type AuthErrorHeaders, statusOf } from './errors.ts'
import { type AuthEvent, publishRefused, type Whose } from './events.ts'
import { requestIdOf } from './request-id.ts'

/** What an `AuthError` is made of. Build each once and share it: nothing writes to it. */
export interface Refusal {
  readonly code: AuthErrorCode
  readonly reason: string
  readonly headers: AuthErrorHeaders
  /** What went wrong behind a 503. It is logged, so it must not hold a credential. */
  readonly cause?: unknown
  /** Whose credential it is, if it is good but is refused here. */
  readonly of?: Whose
  /** Further fields of the log line: what was received and what was expected. Bounded, and without secrets. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  /** Further properties of the body, beside the envelope. */
  readonly body?: object | undefined
}

/**
 * What to answer with instead of the envelope: `'throw'` passes an `AuthError` to the app's error handler, a function
 * returns the body, or a promise of it (status and headers stay as they are). It is called once for each refusal, and has
 * five seconds; what it throws goes to the app's error handler.
 */
export type ErrorResponseOption = 'throw' | ((error: AuthError, request: FastifyRequest) => unknown)

/** The option `errorResponse` of both plugins. */
export const errorResponse: Option<ErrorResponseOption | undefined> = optional(
  required(
    "'throw' or a function (error, request) => body",
    (value) => value === 'throw' || typeof value === 'function',
  ),
)

/** Milliseconds for the promise of an `errorResponse`. */
const BODY_LIMIT = 5_000

/**
 * Logs and publishes a refusal. Call it once for each, however it is answered. Never throws.
 *
 * @param sampler for refusals with a cause: in an outage every request has one, which would flood the log
 */
export function recordRefusal(
  plugin: AuthEvent['plugin'],
  request: FastifyRequest,
  refusal: Refusal,
  sampler?: Sampler,
): void {
  const { reason, cause, of, detail } = refusal
  if (cause === undefined) {
    quietly('The logger', () => request.log.info({ plugin, reason, ...of, ...detail }, 'request refused'))
  } else {
    const say = (more: number) => {
      const repeated = more > 0 && { repeated: more }
      quietly('The logger', () =>
        request.log.warn({ plugin, reason, ...repeated, ...detail, err: cause }, 'request refused'),
      )
    }
    if (sampler === undefined) say(0)
    else sampler.say(cause instanceof Error ? cause.message : reason, say)
  }
  publishRefused(plugin, request, { reason, ...of })
}

/**
 * Answers a refusal from an `onRequest` hook of the `(request, reply, done)` form. It calls `done` only with an error,
 * because sending the reply ends the request. It never throws. The app's error handler may throw, and after a promise
 * nothing would catch that: the connection is then ended.
 *
 * @param clock for the time limit of `errorResponse`
 */
export function sendRefusal(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  errorResponse: ErrorResponseOption | undefined,
  done: (error: Error) => void,
  clock: Clock = systemClock,
): void {
  // `done` without an error would let the request in, and apps may throw anything, even `undefined`.
  const fail = (thrown: unknown) => {
    try {
      done(asError(thrown, 'errorResponse'))
    } catch {
      reply.raw.destroy()
    }
  }
  try {
    if (errorResponse === undefined) sendEnvelope(request, reply, refusal)
    else if (errorResponse === 'throw') fail(new AuthError(refusal.code, refusal))
    else {
      const error = new AuthError(refusal.code, refusal)
      const body = errorResponse(error, request)
      const send = (body: unknown) => void reply.code(error.statusCode).headers(error.headers).send(body)
      if (isThenable(body))
        withTimeLimit(clock, BODY_LIMIT, async () => body)
          .then(send)
          .catch(fail)
      else send(body)
    }
  } catch (thrown) {
    fail(thrown)
  }
}

function sendEnvelope(request: FastifyRequest, reply: FastifyReply, { code, headers, body }: Refusal): void {
  void reply
    .code(statusOf(code))
    .headers(headers)
    .type('application/json; charset=utf-8')
    // The app's own serializer would serialize the text again.
    .serializer(asIs)
    .send(envelopeBody(requestIdOf(request), code, body))
}

const asIs = (payload: unknown): string => payload as string

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
