/**
 * Every error of this package: two tables of codes, two classes.
 *
 * Codes never change once released. Messages say what to do and never echo input, because input may be a credential.
 */

interface AuthErrorKind {
  readonly statusCode: number
  readonly message: string
}

/** The errors that an HTTP client may get. Unless `message` is set, every cause of the same code gets the same message. */
export const AUTH_ERRORS = {
  AUTH_INVALID_KEY: { statusCode: 401, message: 'The provided API key is invalid or expired' },
  AUTH_INSUFFICIENT_SCOPE: {
    statusCode: 403,
    message: 'The API key does not have the scope that this route requires',
  },
  AUTH_NETWORK_NOT_ALLOWED: {
    statusCode: 403,
    message: 'This API key is not accepted from the address that the request comes from',
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

/** The code in the body of a response that refuses a request. */
export type AuthErrorCode = keyof typeof AUTH_ERRORS

/** The response headers of an `AuthError`, with lower-case names. */
export type AuthErrorHeaders = Readonly<Record<string, string>>

export interface AuthErrorOptions {
  /** Why, as a stable word for logs and metrics (`revoked`, `unknown`, …). Never part of the response. */
  reason: string
  /** For the client, if it may know more than the code's own message says. */
  message?: string
  /** `WWW-Authenticate`, `Retry-After`. Fastify's default error handler sends them, too. */
  headers?: AuthErrorHeaders
  /** Further properties of the body, beside the envelope. */
  body?: object | undefined
  cause?: unknown
}

/**
 * A refused request: `statusCode` and `code` from the table, `reason` for the log, `headers` for the response.
 *
 * It captures no stack. A stack would name only this package's own frames, and capturing one costs more than the rest of a
 * refusal, which would help an attacker who floods a service with bad credentials.
 */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly code: AuthErrorCode
  readonly statusCode: number
  readonly reason: string
  readonly headers: AuthErrorHeaders
  /** Further properties of the body: `clerk_error`, which makes Clerk's front end ask for a reverification. */
  readonly body: object | undefined

  constructor(code: AuthErrorCode, { reason, message, headers = {}, body, cause }: AuthErrorOptions) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message ?? AUTH_ERRORS[code].message, cause === undefined ? undefined : { cause })
    Error.stackTraceLimit = limit
    this.code = code
    this.statusCode = AUTH_ERRORS[code].statusCode
    this.reason = reason
    // A copy: what an app's error handler changes must not appear in later responses.
    this.headers = { ...headers }
    this.body = body
  }
}

/** Errors for the program that uses this package, thrown at registration or by the call. */
const USAGE_ERRORS = {
  /** An option is missing, of the wrong type, or contradicts another one. The message names it and what it takes. */
  TENANT_AUTH_BAD_OPTION: 500,
  /** The same plugin was registered twice, in one scope or in a scope and one below it. */
  TENANT_AUTH_ALREADY_REGISTERED: 500,
  /** `request.tenant`, `request.tenantKey` or `request.consoleUser` was read, but the request was not authenticated. */
  TENANT_AUTH_NOT_AUTHENTICATED: 500,
  /** The store did not answer, or its answer cannot be trusted. `effect` says whether a write took effect. */
  KEY_STORE_UNAVAILABLE: 503,
  /** No key has this id, or it belongs to another tenant. */
  KEY_NOT_FOUND: 404,
  /** The key is revoked, permanently. */
  KEY_REVOKED: 409,
  /** The key has expired, permanently. */
  KEY_EXPIRED: 409,
  /** The key is paused, but the key that would replace it would not be. */
  KEY_PAUSED: 409,
  /** A key would live for longer than the manager's `maxLifetime`. */
  KEY_LIFETIME_TOO_LONG: 400,
  /** The tenant has as many live keys as the manager's `maxKeys` allows. */
  KEY_LIMIT_REACHED: 409,
  /** A key with this id, hash or idempotency key exists. */
  KEY_EXISTS: 409,
  /** A value of a key or tenant is not valid. The message names it and what it takes. */
  KEY_INVALID: 400,
  /** No tenant has this id. */
  TENANT_NOT_FOUND: 404,
  /** A tenant with this id exists. */
  TENANT_EXISTS: 409,
  /** A request to `clerkWebhooks` or `leakReports` is not signed by Clerk or GitHub. */
  WEBHOOK_NOT_SIGNED: 401,
} as const

/** The `code` of a `TenantAuthError`. */
export type UsageErrorCode = keyof typeof USAGE_ERRORS

/** Whether the operation took effect despite the error: `unknown` if a store did not answer a write. */
export type Effect = 'none' | 'done' | 'unknown'

export interface TenantAuthErrorOptions {
  cause?: unknown
  /** Default: `unknown` for `KEY_STORE_UNAVAILABLE`, `none` for every other code. */
  effect?: Effect
}

/** An error with a stable `code` that the program, not the client, is meant to see. */
export class TenantAuthError extends Error {
  override readonly name = 'TenantAuthError'
  readonly code: UsageErrorCode
  readonly statusCode: number
  readonly effect: Effect

  constructor(code: UsageErrorCode, message: string, options: TenantAuthErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.statusCode = USAGE_ERRORS[code]
    this.effect = options.effect ?? (code === 'KEY_STORE_UNAVAILABLE' ? 'unknown' : 'none')
  }
}

/** Whether something that was thrown is an error of this package with this code. */
export function hasCode(error: unknown, code: UsageErrorCode): boolean {
  return error instanceof TenantAuthError && error.code === code
}

/** A configuration error that names the option and what it takes. */
export function badOption(name: string, takes: string): TenantAuthError {
  return new TenantAuthError('TENANT_AUTH_BAD_OPTION', `${name} must be ${takes}`)
}

/** The status of an `AuthErrorCode`. */
export function statusOf(code: AuthErrorCode): number {
  return AUTH_ERRORS[code].statusCode
}
