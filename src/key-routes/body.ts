/**
 * What a request brings, read by these routes themselves. An app may parse bodies and queries in ways of its own, for all
 * of its routes, and hooks of its own may change them; neither has a say in what is done with keys.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'

const bodies = new WeakMap<FastifyRequest, unknown>()

/** The body, `undefined` where there is none. */
export function bodyOf(request: FastifyRequest): unknown {
  return bodies.get(request)
}

/** What repeats is a list. */
export function queryOf({ url }: FastifyRequest): Record<string, string | string[]> {
  const mark = url.indexOf('?')
  // With `&`, because `URLSearchParams` takes a `?` away, and the second one is of the name.
  const query = new URLSearchParams(mark < 0 ? '' : `&${url.slice(mark + 1)}`)
  return Object.fromEntries(
    [...new Set(query.keys())].map((name) => {
      const values = query.getAll(name)
      return [name, values.length === 1 ? (values[0] as string) : values]
    }),
  )
}

/** Replaces every parser of the scope. */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    // Many clients send the type with every request. Revoking is the emergency button: it takes no body, and minds none.
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
    // The parser's own message quotes the body.
    throw refusal(400, 'FST_ERR_CTP_INVALID_JSON_BODY', 'The body must be JSON')
  }
}

function refusal(statusCode: number, code: string, message: string): Error {
  return Object.assign(new Error(message), { statusCode, code })
}
