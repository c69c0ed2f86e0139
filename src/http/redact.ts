/** Keeps credentials out of the log, with pino's `redact`. */
import { types } from 'node:util'
import { badOption } from './errors.ts'

const REDACTED = '[Redacted]'

/** Headers that carry a credential, or that clients may put one into by mistake. */
const HEADERS = [
  'x-tenant-api-key',
  'authorization',
  'x-api-key',
  'cookie',
  'set-cookie',
  'proxy-authorization',
]

/** Names of properties, in lower case, that are secret whatever they hold. */
const SECRET = new Set([...HEADERS, 'cookies', 'signedcookies', 'rawpacket'])
/** Names of properties, in lower case and without `_`, that are secret if they hold a string. */
const SECRET_TEXT = new Set(
  'key token jwt secret password apikey secretkey accesstoken sessiontoken idtoken refreshtoken'.split(' '),
)

/** One character of a class, as it is or percent-encoded any number of times. */
const encoded = (chars: string, codes: string) => `(?:[${chars}]|%(?:25)*(?:${codes}))`
const letter = encoded('0-9A-Za-z', '3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]')
const underscore = encoded('_', '5[Ff]')
const word = encoded('\\w-', '3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|2[Dd]')
const dot = encoded('.', '2[Ee]')
/** A key in a text, with any prefix and environment, even if more letters or digits follow. */
const KEY = /[A-Za-z]\w{0,32}_[0-9A-Za-z]{39}/g
const ENCODED_KEY = new RegExp(`(?:${letter}|${underscore}){1,33}${underscore}${letter}{39}`, 'g')
/** Matches everything that a token could be part of, so that a long text is read once. */
const DOTTED = new RegExp(`${word}+(?:${dot}${word}*)*`, 'g')
/** The beginning of a token, `{"` in base64, and what follows. */
const TOKEN = new RegExp(
  `${encoded('e', '65')}${encoded('y', '79')}${encoded('J', '4[Aa]')}(?:.*?${dot}){2}.*`,
)
const headerValue = `(?<=\\b(?:${HEADERS.join('|')})["']?\\s?[:=]\\s?["']?)[^"'\\s][^"'\\r\\n]*`
const HEADER_LINE = new RegExp(headerValue, 'gi')
/** Characters. No key, token or header line with one is shorter. */
const SHORTEST = 20

/** Objects within objects, and values in all, before the rest is left out: a logged object may hold a whole socket. */
const DEPTH = 12
const SIZE = 5_000

interface Walk {
  readonly above: object[]
  left: number
}

/**
 * For pino's `redact`: removes keys, tokens and the headers that carry them from every line. It finds them in the URL,
 * percent-encoded or not; in `host`, `accept-version`, messages, stacks and causes; in maps and lists of headers, in any
 * case; in `key`, `token` and similar properties; at any depth. It recognizes this package's keys and JWTs by their form,
 * and other credentials by their place. It does not copy a line without credentials.
 *
 * ```ts
 * const app = fastify({ logger: { redact: redactCredentials } })
 * ```
 *
 * For your own header (option `header`) with keys of another form, use `credentialRedaction('x-my-key')`. A path that you
 * add to `redactCredentials.paths` replaces all of this for the property that it begins with.
 */
export const redactCredentials: CredentialRedaction = credentialRedaction()

/** The option `redact` of pino, and so of Fastify's `logger`. */
export interface CredentialRedaction {
  paths: string[]
  /** Returns the value without credentials. It does not change the value itself. */
  censor: (value: unknown, path: string[]) => unknown
}

/**
 * Returns `redactCredentials` that also removes whatever has one of these names.
 *
 * @param names of headers or properties, in any case
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function credentialRedaction(...names: readonly string[]): CredentialRedaction {
  if (!names.every((name: unknown) => typeof name === 'string' && name !== ''))
    throw badOption('each name of credentialRedaction', 'the name of a header or property')
  const secret = new Set([...SECRET, ...names.map((name) => name.toLowerCase())])

  function isSecret(name: string, value: unknown): boolean {
    const lower = /[A-Z_]/.test(name) ? name.toLowerCase() : name
    return secret.has(lower) || (typeof value === 'string' && SECRET_TEXT.has(lower.replaceAll('_', '')))
  }

  /** Returns the value itself if there is nothing to remove. */
  function scrub(value: unknown, walk: Walk): unknown {
    if (typeof value === 'string') return scrubText(value)
    if (typeof value !== 'object' || value === null) return value
    if (types.isStringObject(value)) return scrubText(String(value))
    // Bytes are logged as numbers, and may spell a credential.
    if (ArrayBuffer.isView(value)) return REDACTED
    if (walk.above.includes(value)) return '[Circular]'
    if (walk.above.length === DEPTH || walk.left <= 0) return '[…]'
    walk.above.push(value)
    const scrubbed = scrubObject(value, walk)
    walk.above.pop()
    return scrubbed
  }

  function scrubObject(value: object, walk: Walk): unknown {
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      const plain: unknown = (value as { toJSON: () => unknown }).toJSON()
      return plain === value ? scrubProperties(value, walk) : scrub(plain, walk)
    }
    return Array.isArray(value) ? scrubList(value, walk) : scrubProperties(value, walk)
  }

  function scrubProperties(value: object, walk: Walk): object {
    let copy: Record<string, unknown> | undefined
    for (const [name, held] of Object.entries(value)) {
      walk.left--
      const kept = isSecret(name, held) ? REDACTED : scrub(held, walk)
      if (kept !== held) (copy ??= { ...value })[name] = kept
      const told = scrubText(name)
      if (told !== name) {
        copy ??= { ...value }
        delete copy[name]
        copy[told] = kept
      }
    }
    return copy ?? value
  }

  function scrubList(value: readonly unknown[], walk: Walk): readonly unknown[] {
    let copy: unknown[] | undefined
    for (const [index, item] of value.entries()) {
      walk.left--
      // `rawHeaders`, and pairs of a name and a value.
      const name: unknown = index === 0 ? undefined : value[index - 1]
      const kept = typeof name === 'string' && secret.has(name.toLowerCase()) ? REDACTED : scrub(item, walk)
      if (kept !== item) (copy ??= [...value])[index] = kept
    }
    return copy ?? value
  }

  const camel = ['apiKey', 'secretKey', 'accessToken', 'sessionToken', 'idToken', 'refreshToken', 'api_key']
  const spellings = [...secret, ...SECRET_TEXT, ...camel].flatMap((name) => [
    name,
    name.toUpperCase(),
    name.replace(/\b[a-z]/g, (first) => first.toUpperCase()),
  ])
  return {
    // `*` covers every property of a line, but without its name. The others cover the names that matter.
    paths: ['*', ...spellings.map((name) => `["${name}"]`)],
    censor(value, path) {
      const name: unknown = path.at(-1)
      try {
        return typeof name === 'string' && isSecret(name, value)
          ? REDACTED
          : scrub(value, { above: [], left: SIZE })
      } catch {
        // A getter or `toJSON` of the app threw. What cannot be inspected is not logged.
        return '[unable to redact]'
      }
    },
  }
}

function scrubText(text: string): string {
  if (text.length < SHORTEST) return text
  const isEncoded = text.includes('%')
  // Tokens first: a part of one may look like a key.
  const scrubbed =
    isEncoded || text.includes('eyJ') ? text.replace(DOTTED, (run) => run.replace(TOKEN, REDACTED)) : text
  return scrubbed.replace(isEncoded ? ENCODED_KEY : KEY, REDACTED).replace(HEADER_LINE, REDACTED)
}
