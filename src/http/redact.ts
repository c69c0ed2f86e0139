/** Where credentials could get into a log, for pino's `redact`. */
import { KEY_FORM } from '../keys/key-format.ts'

/** Request headers that carry, or are mistaken to carry, a credential. */
const HEADERS = ['x-tenant-api-key', 'authorization', 'x-api-key', 'cookie']

/**
 * Paths for pino: `fastify({ logger: { redact: redactPaths } })`.
 *
 * Neither Fastify nor this package logs headers or bodies. These paths are for whoever adds a serializer that does, or
 * logs `{ headers: request.headers }`, and for the answer that shows a new key (`{ key }`). They stand for the usual
 * places; what you log elsewhere, you redact yourself. A header of your own (option `header`) is to be added:
 * `[...redactPaths, 'req.headers["x-my-key"]']`.
 */
export const redactPaths: string[] = [
  // Named one by one: a wildcard would make every log line dearer.
  ...['', 'req.', 'request.', 'err.'].flatMap((at) => HEADERS.map((name) => `${at}headers["${name}"]`)),
  // The bytes of a request that Node could not read, which Fastify logs at level trace.
  'err.rawPacket',
  'key',
  'body.key',
  'req.body.key',
  'token',
  'body.token',
  'req.body.token',
]

/** What a key or a session token looks like inside a longer text, even where more of its kind follows. */
const CREDENTIAL = new RegExp(`${KEY_FORM}|eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+`, 'g')

/**
 * `redactPaths`, and keys and tokens cut out of the URL, which Fastify logs with each request and has in its message
 * where no route fits: a client that puts its key into the query is refused, but the line has it by then.
 *
 * ```ts
 * const app = fastify({ logger: { redact: redactCredentials } })
 * ```
 */
export const redactCredentials: { paths: string[]; censor: (value: unknown, path: string[]) => string } = {
  paths: [...redactPaths, 'req.url', 'msg'],
  censor: (value, path) =>
    ['url', 'msg'].includes(String(path.at(-1)))
      ? String(value).replace(CREDENTIAL, '[Redacted]')
      : '[Redacted]',
}
