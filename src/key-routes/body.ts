/**
 * Reads the bodies and queries of the key routes. An app may have other parsers, and hooks that change what they parse.
 * Neither may affect what happens to keys.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'

const bodies = new WeakMap<FastifyRequest, unknown>()

/** The body, `undefined` if there is none. */
export function bodyOf(request: FastifyRequest): unknown {
  return bodies.get(request)
}

/** The query. A name that repeats has a list of values. */
export function queryOf({ url }: FastifyRequest): Record<string, string | string[]> {
  const mark = url.indexOf('?')
  // `URLSearchParams` strips a leading `?`. With `&` before it, a second `?` stays part of the name.
  const query = new URLSearchParams(mark < 0 ? '' : `&${url.slice(mark + 1)}`)
  return Object.fromEntries(
    [...new Set(query.keys())].map((name) => {
      const values = query.getAll(name)
      return [name, values.length === 1 ? (values[0] as string) : values]
    }),
  )
}

/** Replaces all body parsers of the scope. */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    // Many clients send a content type with every request. Revoking must work in an emergency, so it ignores any body.
    if (bytes.length === 0 || request.method === 'DELETE') return undefined
    const type = request.headers['content-type'] ?? ''
    if (!/^\s*application\/json\s*(?:;|$)/i.test(type)) {
      throw refusal(415, 'FST_ERR_CTP_INVALID_MEDIA_TYPE', 'The body must be application/json')
    }
    const text = new TextDecoder().decode(bytes)
    bodies.set(request, parsed(text))
    return parsed(text)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message would quote the body.
    throw refusal(400, 'FST_ERR_CTP_INVALID_JSON_BODY', 'The body must be JSON')
  }
}

function refusal(statusCode: number, code: string, message: string): Error {
  return Object.assign(new Error(message), { statusCode, code })
}
