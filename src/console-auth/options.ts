/** The options of consoleAuth, and the settings they become once they are checked. */
import type { JsonWebKey } from 'node:crypto'
import { badOption } from '../http/errors.ts'
import { errorResponse, type ErrorResponseOption } from '../http/refusal.ts'
import {
  callback,
  flag,
  group,
  OF_REGISTER,
  type Option,
  optional,
  orFalse,
  readOptions,
  required,
  type SpecificationOf,
  whole,
  withDefault,
} from '../lib/options.ts'
import type { ClerkFetch } from './clerk/api.ts'
import { apiUrl, isIssuer, isText, isTrimmed, jwksUrl, parties } from './addresses.ts'
import { publicKeysFromText } from './clerk/public-keys.ts'

interface KeySources {
  /**
   * Your Clerk instance's public key (Clerk's dashboard, API keys), as PEM or as its base64 alone. While Clerk rotates its
   * key, set several: in a list, or as PEMs in one string. Escaped newlines are repaired. If none of them verifies a token,
   * it is checked against the key set, provided that you set `secretKey` or `jwksUrl`.
   */
  jwtKey?: string | readonly string[] | undefined
  /** Your Clerk instance's secret key (`sk_…`), for the key set and for `getUser()`. */
  secretKey?: string | undefined
  /** The address of a key set that needs no secret key: `https://clerk.example.com/.well-known/jwks.json`. */
  jwksUrl?: string | undefined
}

/** Set at least one of the three. With `jwtKey` alone no token ever causes a request. `getUser()` needs `secretKey`. */
export type ClerkKeys = KeySources &
  ({ jwtKey: string | readonly string[] } | { secretKey: string } | { jwksUrl: string })

/** The options of `consoleAuth`, except for Clerk's keys. Times are in milliseconds. */
export interface ConsoleAuthSettings {
  /**
   * The origins that tokens may come from (claim `azp`), or `false` to accept any. `false` lets every other site
   * of the same Clerk instance act for its users, and accepts tokens that name no origin.
   */
  authorizedParties: readonly string[] | false
  /** Also accept tokens without `azp`, which is what native apps send. @default false */
  allowMissingParty?: boolean
  /** Clerk's Backend API, without the `/v1`. `https`, or `http` on loopback. @default 'https://api.clerk.com' */
  apiUrl?: string
  /** The token's `aud` must name one of these. @default not checked */
  audience?: string | readonly string[]
  /** The token's `iss` must be one of these. @default not checked: the key is the instance's own */
  issuer?: string | readonly string[]
  /** Milliseconds by which your clock and Clerk's may differ, 0 to 60,000. @default 5_000 */
  clockSkew?: number
  /** Accept sessions that still have a task to complete (`sts: pending`). Otherwise they count as signed out. @default false */
  allowPending?: boolean
  /** The longest token to accept, in characters, 1,024 to 65,536. Node's own limit for all headers is 16 KiB. @default 8_192 */
  maxTokenLength?: number
  /**
   * How many verified tokens to remember, each until it expires, up to 10,000,000. In addition, up to 1,000 bad tokens
   * are remembered. `false` remembers none of either.
   * @default { max: 10_000 }
   */
  cache?: false | { max?: number }
  /** Clerk's key set. */
  jwks?: {
    /** Milliseconds for a fetch. @default 3_000 */
    timeout?: number
    /** Milliseconds until the key set is fetched again. @default 300_000 */
    maxAge?: number
    /** Milliseconds beyond `maxAge` for which the last key set is used while Clerk cannot be reached. @default 3_600_000 */
    staleIfError?: number
    /**
     * Milliseconds in which tokens with an unknown `kid` cause at most two fetches. Until a third is allowed, such tokens
     * get a 503. @default 10_000
     */
    cooldown?: number
  }
  /** The users that `getUser()` fetches. */
  users?: {
    /** Milliseconds for a fetch. @default 3_000 */
    timeout?: number
    /** How many users to remember, up to 10,000,000. @default 1_000 */
    max?: number
    /** Milliseconds for which a user is remembered. @default 60_000 */
    ttl?: number
  }
  /** Replaces Node's `fetch` for requests to Clerk, to use a proxy or to trust your own certificate. */
  fetch?: ClerkFetch
  /** `false`: no route is guarded! You only get `app.verifyConsoleSession`, to call in routes of your choice. @default true */
  addHook?: boolean
  /** The body to answer with instead of the envelope, or `'throw'` to pass an `AuthError` to your error handler. */
  errorResponse?: ErrorResponseOption
}

/** The options of `consoleAuth`. */
export type ConsoleAuthOptions = ConsoleAuthSettings & ClerkKeys

/** What a token must satisfy besides its signature. */
export interface TokenRules {
  /** Empty accepts any. */
  authorizedParties: readonly string[]
  allowMissingParty: boolean
  audience: string[] | undefined
  issuer: string[] | undefined
  clockSkew: number
  allowPending: boolean
}

/** Each takes about a kilobyte, so a larger number is a typing error. */
const MAX_REMEMBERED = 10_000_000

const SPECIFICATION = {
  jwtKey: optional(jwtKeys),
  // It is sent in a header. The prefix is checked because users often copy the publishable key next to it by mistake.
  secretKey: optional(
    required<string>("Clerk's secret key (sk_…), without spaces", (value) =>
      isText(value, /^sk_[\x21-\x7e]+$/),
    ),
  ),
  jwksUrl: optional(jwksUrl),
  apiUrl: withDefault(apiUrl, 'https://api.clerk.com'),
  authorizedParties: parties,
  allowMissingParty: flag(false),
  audience: optional(
    listOf('a non-empty string without spaces around it, or a non-empty list of them', isTrimmed),
  ),
  issuer: optional(
    listOf(
      "an address such as 'https://clerk.example.com' (no slash at the end), or a non-empty list of them",
      isIssuer,
    ),
  ),
  clockSkew: whole({ fallback: 5_000, min: 0, max: 60_000 }),
  allowPending: flag(false),
  maxTokenLength: whole({ fallback: 8_192, min: 1_024, max: 65_536 }),
  cache: orFalse(group('cache', { max: whole({ fallback: 10_000, max: MAX_REMEMBERED }) })),
  jwks: group('jwks', {
    timeout: whole({ fallback: 3_000 }),
    maxAge: whole({ fallback: 300_000 }),
    staleIfError: whole({ fallback: 3_600_000, min: 0 }),
    cooldown: whole({ fallback: 10_000, min: 0 }),
  }),
  users: group('users', {
    timeout: whole({ fallback: 3_000 }),
    max: whole({ fallback: 1_000, max: MAX_REMEMBERED }),
    ttl: whole({ fallback: 60_000 }),
  }),
  fetch: callback<ClerkFetch>('a function like fetch'),
  addHook: flag(true),
  errorResponse,
} satisfies SpecificationOf<ConsoleAuthSettings & KeySources>

/** The checked options, with their defaults. */
export type Settings = ReturnType<typeof checkOptions>

/** @throws {TenantAuthError} `TENANT_AUTH_BAD_OPTION`, naming the option and what it takes */
export function checkOptions(options: ConsoleAuthSettings & KeySources) {
  const read = readOptions('consoleAuth', SPECIFICATION, options, { besides: OF_REGISTER })
  const { authorizedParties, allowMissingParty, audience, issuer, clockSkew, allowPending, ...settings } =
    read
  const { jwtKey, secretKey, jwksUrl } = settings
  if (jwtKey === undefined && secretKey === undefined && jwksUrl === undefined) {
    throw badOption('jwtKey', "set to Clerk's public key (PEM). Or set secretKey or jwksUrl")
  }
  const rules: TokenRules = {
    authorizedParties,
    allowMissingParty,
    audience,
    issuer,
    clockSkew,
    allowPending,
  }
  return { ...settings, rules }
}

function jwtKeys(value: unknown, name: string): JsonWebKey[] {
  const texts: unknown[] = Array.isArray(value) ? value : [value]
  const keys = texts.map((text) => (typeof text === 'string' ? publicKeysFromText(text) : undefined))
  if (keys.length > 0 && keys.every((key) => key !== undefined)) return keys.flat()
  throw badOption(
    name,
    'an RSA public key of at least 2048 bits as PEM (-----BEGIN PUBLIC KEY-----) or its base64 alone, or several: in a list, or as PEMs one after the other, with nothing between them',
  )
}

function listOf(takes: string, is: (value: unknown) => value is string): Option<string[]> {
  return (value, name) => {
    const list: unknown[] = Array.isArray(value) ? value : [value]
    if (list.length > 0 && list.every(is)) return [...list]
    throw badOption(name, takes)
  }
}
