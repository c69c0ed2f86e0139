/**
 * Sends requests to one of Clerk's APIs. It follows no redirect, accepts only JSON of a reasonable size, and sends nothing
 * before the time that Clerk sets with `Retry-After`.
 */
import type { Clock } from '../../lib/clock.ts'

/** Bytes. A key set of one key has about 1 KiB, a user about 4. */
const MAX_BYTES = 256 * 1024

/** The version of the API that Clerk's types describe and Clerk's client requests. */
const VERSION = '2026-05-12'

/** Milliseconds between a failure and the next attempt, if Clerk sets no time. */
export const RETRY_AFTER_FAILURE = 1_000

/** Milliseconds. A longer time from Clerk is cut to this. */
const MAX_RETRY_AFTER = 3_600_000

/** What consoleAuth needs of `fetch`: use Node's, or undici's with your own dispatcher. */
export type ClerkFetch = (
  url: string,
  init: { headers: Record<string, string>; redirect: 'error'; signal: AbortSignal },
) => Promise<{
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** A `ReadableStream` of bytes, or `null`. */
  readonly body: unknown
}>

export interface ClerkApiOptions {
  /** Paths are appended to it unchanged. */
  baseUrl: string
  /** Sent with each request, if set. */
  secretKey: string | undefined
  fetch: ClerkFetch
  /** Called once, when Clerk rejects the credential or requires one. */
  onRefused: (error: ClerkStatusError) => void
  clock: Clock
}

/** Clerk answered with a status other than 2xx. */
export class ClerkStatusError extends Error {
  override readonly name = 'ClerkStatusError'
  readonly status: number
  /** Milliseconds to wait before the next request. */
  readonly retryAfter: number

  constructor(status: number, { retryAfter = RETRY_AFTER_FAILURE, because = '' } = {}) {
    super(`Clerk answered ${status}${because}`)
    this.status = status
    this.retryAfter = retryAfter
  }

  /** Clerk rejects the credential, or requires one. */
  get isRefusal(): boolean {
    return this.status === 401 || this.status === 403
  }
}

export class ClerkApi {
  readonly #options: ClerkApiOptions
  /** Why no request may be sent, and until when (monotonic). */
  #pause: { status: number; until: number } | undefined
  #wasRefused = false

  constructor(options: ClerkApiOptions) {
    this.#options = options
  }

  /**
   * @param path - with each segment encoded
   * @param signal - aborts the request, even in the middle of the body
   * @throws unless Clerk answers with a 2xx status and JSON
   */
  async ask(path: string, signal: AbortSignal): Promise<unknown> {
    const { baseUrl, secretKey, fetch, clock } = this.#options
    if (this.#pause !== undefined) {
      const { status, until } = this.#pause
      const left = until - clock.now()
      if (left > 0) throw new ClerkStatusError(status, { retryAfter: left })
    }
    const response = await fetch(baseUrl + path, {
      headers: {
        ...(secretKey !== undefined && { authorization: `Bearer ${secretKey}` }),
        accept: 'application/json',
        'clerk-api-version': VERSION,
      },
      // The secret key goes to the configured address and nowhere else.
      redirect: 'error',
      signal,
    })
    const { status, headers } = response
    const body = response.body as (AsyncIterable<Uint8Array> & Pick<ReadableStream, 'cancel'>) | null
    if (status < 200 || status > 299) {
      await body?.cancel()
      throw this.#failure(status, headers.get('retry-after'))
    }
    const text = await readBody(body ?? [])
    try {
      return JSON.parse(text)
    } catch {
      // The parser's own message would quote the body.
      throw new Error("Clerk's answer is not JSON")
    }
  }

  #failure(status: number, header: string | null): ClerkStatusError {
    const { clock, secretKey, onRefused } = this.#options
    const retryAfter = status === 429 || status === 503 ? millisecondsOf(header, clock.wall()) : undefined
    if (retryAfter !== undefined) this.#pause = { status, until: clock.now() + retryAfter }
    const because =
      secretKey === undefined ? ': the address requires a key' : ': it does not accept this secretKey'
    const isRefusal = status === 401 || status === 403
    const error = new ClerkStatusError(status, { retryAfter, because: isRefusal ? because : '' })
    if (isRefusal && !this.#wasRefused) onRefused(error)
    this.#wasRefused ||= isRefusal
    return error
  }
}

/** `Retry-After`: seconds or a date (RFC 9110, section 10.2.3). */
function millisecondsOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return wait > 0 ? Math.min(wait, MAX_RETRY_AFTER) : undefined
}

async function readBody(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`Clerk's answer has more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
