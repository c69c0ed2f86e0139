/** Calls the key routes for the page. */
import type { Session } from './session.ts'

export interface Key {
  id: string
  name: string
  environment: string
  start: string
  last4: string
  scopes: string[]
  status: 'active' | 'paused' | 'expired' | 'revoked'
  createdAt: string
  createdBy: string | null
  expiresAt: string | null
  revokedAt: string | null
  pausedAt: string | null
  lastUsedAt: string | null
}

export interface KeyPage {
  keys: Key[]
  nextCursor: string | null
  canWrite: boolean
}

export interface Reach {
  confirmedBy: 'all' | 'lease' | 'none'
  waitedMs: number
}

export interface NewKey {
  name: string
  environment: string
  scopes: string[]
  expiresAt: string | null
}

/** An error response, or no response at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string | null

  constructor(status: number, code: string, message: string, requestId: string | null) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = requestId
  }
}

/** Milliseconds. A revocation may wait for the lease of an instance that is cut off. */
const TIME_LIMIT = 20_000

export class KeyApi {
  /** Whether a change has failed since this was last set to `false`. */
  hasFailed = false
  readonly #session: Session
  readonly #onRefused: (token: string, requestId: string | null) => void

  /** @param onRefused called before a call throws because the service refused the session's tokens, even a fresh one */
  constructor(session: Session, onRefused: (token: string, requestId: string | null) => void) {
    this.#session = session
    this.#onRefused = onRefused
  }

  list(cursor: string | null): Promise<KeyPage> {
    const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`
    return this.#call('GET', `/console/keys${query}`)
  }

  get(id: string): Promise<Key> {
    return this.#call('GET', `/console/keys/${encodeURIComponent(id)}`)
  }

  /** @param attempt the same for every attempt at one creation, so that the service creates only one key */
  create(key: NewKey, attempt: string): Promise<{ key: string; details: Key }> {
    return this.#call('POST', '/console/keys', key, attempt)
  }

  /** @param graceSeconds `null`: the old key stays valid until it is revoked */
  rotate(
    id: string,
    { graceSeconds, expiresAt }: { graceSeconds: number | null; expiresAt: string | null },
    attempt: string,
  ): Promise<RotatedKey> {
    const body = { expiresAt, ...(graceSeconds !== null && { graceSeconds }) }
    return this.#call('POST', `/console/keys/${encodeURIComponent(id)}/rotate`, body, attempt)
  }

  revoke(id: string): Promise<{ details: Key } & Reach> {
    return this.#call('DELETE', `/console/keys/${encodeURIComponent(id)}`)
  }

  async #call<Answer>(method: string, path: string, body?: object, attempt?: string): Promise<Answer> {
    const headers: Record<string, string> = {}
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (attempt !== undefined) headers['idempotency-key'] = attempt
    let token = ''
    const send = async (fresh: boolean) => {
      token = await this.#session.token(fresh)
      return request<Answer>(path, {
        method,
        headers: { ...headers, authorization: `Bearer ${token}` },
        cache: 'no-store',
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    }
    try {
      // Try again with another token, because the first may have expired on its way. A refused request has done nothing.
      return await send(false).catch((error: unknown) => {
        if (isRefusal(error)) return send(true)
        throw error
      })
    } catch (error) {
      if (method !== 'GET') this.hasFailed = true
      if (isRefusal(error)) this.#onRefused(token, error.requestId)
      throw error instanceof ApiError && error.code === 'KEY_EXISTS' ? lostAnswer(error) : error
    }
  }
}

function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 401
}

/** If a second try with the same `attempt` gets this error, the first one did create the key. */
function lostAnswer({ status, code, requestId }: ApiError): ApiError {
  const message =
    'An earlier attempt did create the key, but the response was lost, and a key is shown only once. Revoke it in the list and create another.'
  return new ApiError(status, code, message, requestId)
}

export type RotatedKey = { key: string; details: Key; retired: Key } & Reach

/** @throws ApiError */
export async function request<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  let response: Response
  let answer: unknown
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIME_LIMIT) })
    answer = await response.json()
  } catch {
    throw new ApiError(
      0,
      'UNREACHABLE',
      'The service did not answer. Check the connection and try again.',
      null,
    )
  }
  if (response.ok) return answer as Answer
  const { error, request_id: requestId } = answer as Partial<{
    error: { code: string; message: string }
    request_id: string
  }>
  throw new ApiError(
    response.status,
    error?.code ?? 'UNKNOWN',
    error?.message ?? `The service answered ${response.status}.`,
    requestId ?? null,
  )
}

/** The message of an error, with the request id that support needs. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const quoted = error instanceof ApiError && error.requestId !== null ? ` (${error.requestId})` : ''
  return error.message + quoted
}

/** A random value for `Idempotency-Key`. */
export function newAttempt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
