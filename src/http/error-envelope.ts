/** Answers every error in the same shape: those of this package and those of the app around it. */
import { STATUS_CODES } from 'node:http'
import type { FastifyError } from 'fastify'
import type { AnyReply, AnyRequest } from './any-request.ts'
import { quietly } from '../lib/quietly.ts'
import { AUTH_ERRORS, AuthError, type AuthErrorCode, TenantAuthError } from './errors.ts'
import type { ErrorResponse } from './error-response.ts'
import { requestIdOf } from './request-id.ts'

/**
 * The part of an envelope that follows the request id, serialized once per code. A refusal then costs one string
 * concatenation, so that it is never more expensive than a successful response.
 */
const BODY_TAILS = Object.fromEntries(
  Object.entries(AUTH_ERRORS).map(([code, { message }]) => [
    code,
    `,"error":${JSON.stringify({ code, message })}}`,
  ]),
) as Record<AuthErrorCode, string>

/**
 * Returns the serialized envelope of an `AuthErrorCode`. The id is escaped, because it may come from a request header.
 *
 * @param beside further properties of the body
 */
export function envelopeBody(requestId: string, code: AuthErrorCode, beside?: object): string {
  const body = `{"request_id":${JSON.stringify(requestId)}${BODY_TAILS[code]}`
  return beside === undefined ? body : `${body.slice(0, -1)},${JSON.stringify(beside).slice(1)}`
}

/** Codes of statuses whose text in Node differs, or may change. */
const OWN_CODES: Readonly<Record<number, string>> = {
  413: 'PAYLOAD_TOO_LARGE',
  422: 'UNPROCESSABLE_CONTENT',
  429: 'RATE_LIMITED',
  431: 'HEADERS_TOO_LARGE',
}

/** `METHOD_NOT_ALLOWED` for 405. */
function clientCode(status: number): string {
  const words = STATUS_CODES[status] ?? 'Request Failed'
  return OWN_CODES[status] ?? words.toUpperCase().replaceAll(/[^A-Z]+/g, '_')
}

/**
 * Answers errors with the envelope, as an app's error handler and as its not-found handler:
 *
 * ```ts
 * app.setErrorHandler(errorEnvelope)
 * app.setNotFoundHandler(errorEnvelope)
 * ```
 *
 * Errors below 500 keep their message and, if the code is this package's, their code; schema errors get the code
 * `VALIDATION_FAILED`. Errors of 500 and above are logged, and the client gets a fixed message, because theirs may hold
 * what a client must not see. `AuthError` is the exception: its message is made for clients.
 */
export function errorEnvelope(request: AnyRequest, reply: AnyReply): void
export function errorEnvelope(error: unknown, request: AnyRequest, reply: AnyReply): void
export function errorEnvelope(...args: [AnyRequest, AnyReply] | [unknown, AnyRequest, AnyReply]): void {
  // Fastify calls a not-found handler with two arguments and an error handler with three.
  if (args.length === 2) answer(...args, NOT_FOUND)
  else answer(args[1], args[2], describe(args[0], args[2]), args[0])
}

interface Answer {
  statusCode: number
  code: string
  message: string
  /** Further properties of the body. */
  beside?: object | undefined
}

const NOT_FOUND: Answer = { statusCode: 404, code: 'NOT_FOUND', message: 'There is nothing at this address' }
const INTERNAL: Answer = { statusCode: 500, code: 'INTERNAL_ERROR', message: 'An unexpected error happened' }
const UNAVAILABLE: Answer = {
  statusCode: 503,
  code: 'UNAVAILABLE',
  message: 'The service is unavailable, try again shortly',
}

function answer(
  request: AnyRequest,
  reply: AnyReply,
  { statusCode, code, message, beside }: Answer,
  error?: unknown,
) {
  const { headers } = Object(error) as { headers?: unknown }
  if (typeof headers === 'object' && headers !== null) reply.headers(headers)
  if (statusCode >= 500 && !(error instanceof AuthError)) {
    quietly('The logger', () => request.log.error({ err: error }, 'request failed'))
  }
  reply.code(statusCode)
  reply.type('application/json; charset=utf-8')
  reply.send(
    JSON.stringify({
      request_id: requestIdOf(request),
      error: { code, message },
      ...beside,
    } satisfies ErrorResponse),
  )
}

/** Errors for a URL that Fastify's router cannot read. Their own messages quote it, and clients put keys into URLs. */
const BAD_ADDRESS = new Set(['FST_ERR_BAD_URL', 'FST_ERR_MAX_PARAM_LENGTH'])

function describe(thrown: unknown, reply: AnyReply): Answer {
  const error: Partial<FastifyError> = Object(thrown)
  const { code, message } = error
  const statusCode = statusOfError(error, reply)
  if (error instanceof AuthError) {
    return { statusCode, code: error.code, message: error.message, beside: error.body }
  }
  if (statusCode === 503) return UNAVAILABLE
  if (statusCode >= 500) return INTERNAL
  const told = typeof message === 'string' ? message : 'The request cannot be answered'
  if (error.validation !== undefined) return { statusCode, code: 'VALIDATION_FAILED', message: told }
  if (error instanceof TenantAuthError) return { statusCode, code: error.code, message: told }
  return {
    statusCode,
    code: clientCode(statusCode),
    message: BAD_ADDRESS.has(code ?? '') ? 'The address cannot be read' : told,
  }
}

/** Like Fastify's own error handler: the status of the error, else of the reply if it is an error's, else 500. */
function statusOfError(error: Partial<FastifyError> & { status?: unknown }, reply: AnyReply): number {
  const statuses: unknown[] = [error.statusCode, error.status, reply.statusCode]
  const isError = (status: unknown) =>
    Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599
  return Number(statuses.find(isError) ?? 500)
}
