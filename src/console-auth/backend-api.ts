/** Asks Clerk's Backend API: at the configured address and no other, for JSON, of a size that makes sense. */

/** Bytes. A key set of one key has about 1 KiB, a user about 4. */
const MAX_BYTES = 256 * 1024

/** Of the API, as Clerk's types describe it: what their client asks for. */
const VERSION = '2026-05-12'

export interface BackendApi {
  /** Without a slash at its end. */
  apiUrl: string
  secretKey: string
}

/** Clerk answered that it has none, or that it will not. */
export class ClerkStatusError extends Error {
  override readonly name = 'ClerkStatusError'
  readonly status: number

  constructor(status: number) {
    super(`Clerk answered ${status}`)
    this.status = status
  }
}

/**
 * @param path - below `/v1/`, each segment of it encoded
 * @param signal - ends it, in the middle of the body as well
 * @throws where there is no answer, or none that is JSON
 */
export async function askClerk(api: BackendApi, path: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(new URL(`${api.apiUrl}/v1/${path}`), {
    headers: {
      authorization: `Bearer ${api.secretKey}`,
      accept: 'application/json',
      'clerk-api-version': VERSION,
    },
    // The secret key goes to the configured address and nowhere else.
    redirect: 'error',
    signal,
  })
  if (!response.ok) {
    await response.body?.cancel()
    throw new ClerkStatusError(response.status)
  }
  const text = await readBody(response)
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote the body.
    throw new Error('Clerk answered something else than JSON')
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`Clerk's answer has more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
