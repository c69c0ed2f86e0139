/**
 * Every error of this package: one table of codes, two classes, one envelope.
 *
 * Codes never change once released. Messages say what to do and never echo input, because input may be a credential.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

interface AuthErrorKind {
  readonly statusCode: number
  readonly message: string
}

/** What an HTTP client may be answered. The response is the same for every cause that shares a code. */
const AUTH_ERRORS = {
  AUTH_INVALID_KEY: { statusCode: 401, message: 'The provided API key is invalid or expired' },
  AUTH_INSUFFICIENT_SCOPE: {
    statusCode: 403,
    message: 'The API key does not have the scope that this route requires',
  },
  AUTH_TENANT_SUSPENDED: { statusCode: 403, message: 'The tenant of this API key is suspended' },
  AUTH_INVALID_TOKEN: { statusCode: 401, message: 'The session token is missing, invalid or expired' },
  AUTH_FORBIDDEN: {
    statusCode: 403,
    message: 'The signed-in user does not have the role or permission that this route requires',
  },
  AUTH_UNAVAILABLE: {
    statusCode: 503,
    message: 'The credential cannot be verified at the moment, try again shortly',
  },
} as const satisfies Record<string, AuthErrorKind>

/** The code in the body of an answer that refuses a request. */
export type AuthErrorCode = keyof typeof AUTH_ERRORS

/** Response headers that an `AuthError` asks for, lower-case names. */
export type AuthErrorHeaders = Readonly<Record<string, string>>

export interface AuthErrorOptions {
  /** Why, as a stable word for logs and metrics (`revoked`, `unknown`, …). Never part of the answer. */
  reason: string
  /** `WWW-Authenticate`, `Retry-After`. Fastify's default error handler sends them along. */
  headers?: AuthErrorHeaders
  cause?: unknown
}

/**
 * A request that is not let in: `statusCode` and `code` from the table, `reason` for the log, `headers` for the answer.
 *
 * No stack is captured. It would name only this package's own frames, and capturing one costs more than the whole of the
 * rest of a refusal, which is a gift to whoever floods a service with bad credentials.
 */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly code: AuthErrorCode
  readonly statusCode: number
  readonly reason: string
  readonly headers: AuthErrorHeaders

  constructor(code: AuthErrorCode, { reason, headers = {}, cause }: AuthErrorOptions) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(AUTH_ERRORS[code].message, cause === undefined ? undefined : { cause })
    Error.stackTraceLimit = limit
    this.code = code
    this.statusCode = AUTH_ERRORS[code].statusCode
    this.reason = reason
    // A copy: what an app's error handler changes must not be every later answer's.
    this.headers = { ...headers }
  }
}

/** Mistakes of the program that uses this package, thrown at registration or at the call. */
const USAGE_ERRORS = {
  /** An option is missing, of the wrong type, or contradicts another one. The message names it and what it takes. */
  TENANT_AUTH_BAD_OPTION: 500,
  /** The same plugin was registered twice in one line of scopes. */
  TENANT_AUTH_ALREADY_REGISTERED: 500,
  /** `request.tenant`, `request.tenantKey` or `request.consoleUser` was read where nothing has authenticated it. */
  TENANT_AUTH_NOT_AUTHENTICATED: 500,
  /** Fleet settings (lease, heartbeat) differ from those of the instances already running. */
  TENANT_AUTH_FLEET_MISMATCH: 500,
  /** The store did not answer, or answered what cannot be trusted. Whether a write took effect is not known. */
  KEY_STORE_UNAVAILABLE: 503,
  /** No key has this id, or it belongs to another tenant. */
  KEY_NOT_FOUND: 404,
  /** The key is revoked, which is for ever. */
  KEY_REVOKED: 409,
  /** A key with this id, hash or idempotency key exists. */
  KEY_EXISTS: 409,
  /** A value of a key or tenant is not acceptable: the message names it and what it takes. */
  KEY_INVALID: 400,
  /** No tenant has this id. */
  TENANT_NOT_FOUND: 404,
  /** A tenant with this id exists. */
  TENANT_EXISTS: 409,
} as const

export type UsageErrorCode = keyof typeof USAGE_ERRORS

/** An error with a stable `code` that the program, not the client, is meant to see. */
export class TenantAuthError extends Error {
  override readonly name = 'TenantAuthError'
  readonly code: UsageErrorCode
  readonly statusCode: number

  constructor(code: UsageErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.statusCode = USAGE_ERRORS[code]
  }
}

/** A configuration error that names the option and what it takes. */
export function badOption(name: string, takes: string): TenantAuthError {
  return new TenantAuthError('TENANT_AUTH_BAD_OPTION', `${name} must be ${takes}`)
}

/** The shape of every error body: `{"request_id": …, "error": {"code": …, "message": …}}`. */
export interface ErrorEnvelope {
  request_id: string
  error: { code: string; message: string }
}

/**
 * The part of an envelope that follows the request id, serialised once per code: a refusal then costs one string
 * concatenation, so that refusing is never dearer than answering.
 */
const BODY_TAILS = Object.fromEntries(
  Object.entries(AUTH_ERRORS).map(([code, { message }]) => [
    code,
    `,"error":${JSON.stringify({ code, message })}}`,
  ]),
) as Record<AuthErrorCode, string>

/** The serialised envelope of an `AuthErrorCode`. The id is escaped: it may come from a request header. */
export function envelopeBody(requestId: string, code: AuthErrorCode): string {
  return `{"request_id":${JSON.stringify(requestId)}${BODY_TAILS[code]}`
}

/** Status of an `AuthErrorCode`. */
export function statusOf(code: AuthErrorCode): number {
  return AUTH_ERRORS[code].statusCode
}

const CLIENT_CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
}

/**
 * Answers errors in the envelope, as an app's error handler and as its not-found handler:
 *
 * ```ts
 * app.setErrorHandler(errorEnvelope)
 * app.setNotFoundHandler(errorEnvelope)
 * ```
 *
 * Errors below 500 keep their message and, where they carry one of this package's, their code; schema errors answer
 * `VALIDATION_FAILED`. Errors of 500 and above are logged and answer a fixed message, because theirs may hold what a
 * client must not see; `AuthError` is the exception, its message is made for clients.
 */
export function errorEnvelope(request: FastifyRequest, reply: FastifyReply): void
export function errorEnvelope(error: unknown, request: FastifyRequest, reply: FastifyReply): void
export function errorEnvelope(
  ...args: [FastifyRequest, FastifyReply] | [unknown, FastifyRequest, FastifyReply]
): void {
  // Fastify calls a not-found handler with two arguments and an error handler with three.
  if (args.length === 2) answer(...args, NOT_FOUND)
  else answer(args[1], args[2], describe(args[0], args[2]), args[0])
}

interface Answer {
  statusCode: number
  code: string
  message: string
}

const NOT_FOUND: Answer = { statusCode: 404, code: 'NOT_FOUND', message: 'There is nothing at this address' }
const INTERNAL: Answer = { statusCode: 500, code: 'INTERNAL_ERROR', message: 'An unexpected error happened' }
const UNAVAILABLE: Answer = {
  statusCode: 503,
  code: 'UNAVAILABLE',
  message: 'The service is unavailable, try again shortly',
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { statusCode, code, message }: Answer,
  error?: unknown,
) {
  const { headers } = Object(error) as { headers?: unknown }
  if (typeof headers === 'object' && headers !== null) void reply.headers(headers)
  if (statusCode >= 500 && !(error instanceof AuthError)) request.log.error({ err: error }, 'request failed')
  void reply
    .code(statusCode)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ request_id: request.id, error: { code, message } } satisfies ErrorEnvelope))
}

/** Of an address that Fastify's router cannot read. Their own messages quote it, and clients put keys into addresses. */
const BAD_ADDRESS = new Set(['FST_ERR_BAD_URL', 'FST_ERR_MAX_PARAM_LENGTH'])

function describe(thrown: unknown, reply: FastifyReply): Answer {
  const error: Partial<FastifyError> = Object(thrown)
  const { code, message } = error
  const statusCode = statusOfError(error, reply)
  if (error instanceof AuthError) return { statusCode, code: error.code, message: error.message }
  if (statusCode === 503) return UNAVAILABLE
  if (statusCode >= 500) return INTERNAL
  const told = typeof message === 'string' ? message : 'The request cannot be answered'
  if (error.validation !== undefined) return { statusCode, code: 'VALIDATION_FAILED', message: told }
  if (error instanceof TenantAuthError) return { statusCode, code: error.code, message: told }
  return {
    statusCode,
    code: CLIENT_CODES[statusCode] ?? 'REQUEST_FAILED',
    message: BAD_ADDRESS.has(code ?? '') ? 'The address cannot be read' : told,
  }
}

/** As Fastify's own error handler has it: of the error, else of a reply that was given one, else 500. */
function statusOfError(error: Partial<FastifyError> & { status?: unknown }, reply: FastifyReply): number {
  const statuses: unknown[] = [error.statusCode, error.status, reply.statusCode]
  const isError = (status: unknown) =>
    Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599
  return Number(statuses.find(isError) ?? 500)
}
