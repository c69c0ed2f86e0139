/** The options of consoleAuth, and the settings they become once they are checked. */
import type { JsonWebKey } from 'node:crypto'
import { badOption } from '../http/errors.ts'
import { OF_REGISTER, refuseUnknown } from '../lib/option-names.ts'
import type { ErrorResponseOption } from '../http/refusal.ts'
import { apiUrlOf, groupOf, integerOf, listOf, partiesOf, secretKeyOf } from './option-checks.ts'
import { publicKeyFromPem } from './public-key.ts'

/** One of the two is needed: with `jwtKey` no token ever causes a request, `getUser()` needs `secretKey`. */
export type ClerkKeys =
  { jwtKey: string; secretKey?: string | undefined } | { jwtKey?: string | undefined; secretKey: string }

interface ClerkKeyOptions {
  /** The instance's public key as PEM (Clerk's dashboard, API keys). Escaped newlines are repaired. */
  jwtKey?: string | undefined
  /** The instance's secret key (`sk_…`): for the key set, where there is no `jwtKey`, and for `getUser()`. */
  secretKey?: string | undefined
}

export interface ConsoleAuthSettings {
  /**
   * The origins that tokens may have been issued to (claim `azp`), or `false` to accept any, which lets every other site
   * of the same Clerk instance act for its users, and takes tokens that say nothing of their origin.
   */
  authorizedParties: readonly string[] | false
  /** Clerk's Backend API, without the `/v1`. `https`, or `http` on loopback. @default 'https://api.clerk.com' */
  apiUrl?: string
  /** The token's `aud` must name one of these. @default not checked */
  audience?: string | readonly string[]
  /** The token's `iss` must be one of these. @default not checked: the key is the instance's own */
  issuer?: string | readonly string[]
  /** Milliseconds by which this machine's clock and Clerk's may differ, 0 to 60,000. @default 5_000 */
  clockSkew?: number
  /** Accept sessions with a task still to do (`sts: pending`), which otherwise count as signed out. @default false */
  allowPending?: boolean
  /**
   * How many verified tokens are remembered (to 10,000,000), each until it expires, or `false`.
   * @default { max: 10_000 }
   */
  cache?: false | { max?: number }
  /** Clerk's key set, where there is no `jwtKey`. */
  jwks?: {
    /** Milliseconds for a fetch. @default 3_000 */
    timeout?: number
    /** Milliseconds until the set is fetched anew. @default 300_000 */
    maxAge?: number
    /** Milliseconds beyond that for which the last set serves while Clerk cannot be reached. @default 3_600_000 */
    staleIfError?: number
    /**
     * Milliseconds between fetches because of tokens with an unknown `kid`. For that long after a fetch, a token signed
     * with a key that Clerk has added since is refused. @default 10_000
     */
    cooldown?: number
  }
  /** What `getUser()` fetches. */
  users?: {
    /** Milliseconds for a fetch. @default 3_000 */
    timeout?: number
    /** How many users are remembered, to 10,000,000. @default 1_000 */
    max?: number
    /** Milliseconds that a user is remembered. @default 60_000 */
    ttl?: number
  }
  /** `false`: nothing is guarded until `app.verifyConsoleSession` is called. @default true */
  addHook?: boolean
  /** What to answer in place of the envelope: the body that a function returns, or `'throw'` for the app's error handler. */
  errorResponse?: ErrorResponseOption
}

export type ConsoleAuthOptions = ConsoleAuthSettings & ClerkKeys

const NAMES = Object.keys({
  jwtKey: true,
  secretKey: true,
  authorizedParties: true,
  apiUrl: true,
  audience: true,
  issuer: true,
  clockSkew: true,
  allowPending: true,
  cache: true,
  jwks: true,
  users: true,
  addHook: true,
  errorResponse: true,
} satisfies Record<keyof (ConsoleAuthSettings & ClerkKeyOptions), true>)

/** Each takes about a kilobyte, so that more is a slip of the pen. */
const MAX_REMEMBERED = 10_000_000

/** What a token has to fulfil beyond its signature. */
export interface TokenRules {
  /** Empty: any. */
  authorizedParties: string[]
  audience: string[] | undefined
  issuer: string[] | undefined
  clockSkew: number
  allowPending: boolean
}

/** Options with nothing left open. */
export type Settings = ReturnType<typeof checkOptions>

/** @throws {TenantAuthError} `TENANT_AUTH_BAD_OPTION`, naming the option and what it takes */
export function checkOptions(options: ConsoleAuthSettings & ClerkKeyOptions) {
  refuseUnknown('consoleAuth', options, NAMES, OF_REGISTER)
  const { addHook = true, allowPending = false, errorResponse } = options
  const cache = options.cache === false ? false : groupOf('cache', options.cache, ['max'])
  const jwks = groupOf('jwks', options.jwks, ['timeout', 'maxAge', 'staleIfError', 'cooldown'])
  const users = groupOf('users', options.users, ['timeout', 'max', 'ttl'])
  const secretKey = secretKeyOf(options.secretKey)
  const jwtKey = jwtKeyOf(options.jwtKey)
  if (jwtKey === undefined && secretKey === undefined) {
    throw badOption('jwtKey', "set to Clerk's public key (PEM), or secretKey to its secret key")
  }
  if (typeof addHook !== 'boolean') throw badOption('addHook', 'true or false')
  if (typeof allowPending !== 'boolean') throw badOption('allowPending', 'true or false')
  if (errorResponse !== undefined && errorResponse !== 'throw' && typeof errorResponse !== 'function') {
    throw badOption('errorResponse', "'throw' or a function")
  }
  const rules: TokenRules = {
    authorizedParties: partiesOf(options.authorizedParties),
    audience: listOf('audience', options.audience),
    issuer: listOf('issuer', options.issuer),
    clockSkew: integerOf('clockSkew', options.clockSkew, 5_000, 0, 60_000),
    allowPending,
  }
  return {
    addHook,
    errorResponse,
    jwtKey,
    secretKey,
    apiUrl: apiUrlOf(options.apiUrl),
    rules,
    /** 0: no cache. */
    cacheMax: cache === false ? 0 : integerOf('cache.max', cache.max, 10_000, 1, MAX_REMEMBERED),
    jwks: {
      timeout: integerOf('jwks.timeout', jwks.timeout, 3_000, 1),
      maxAge: integerOf('jwks.maxAge', jwks.maxAge, 300_000, 1),
      staleIfError: integerOf('jwks.staleIfError', jwks.staleIfError, 3_600_000, 0),
      cooldown: integerOf('jwks.cooldown', jwks.cooldown, 10_000, 0),
    },
    users: {
      timeout: integerOf('users.timeout', users.timeout, 3_000, 1),
      max: integerOf('users.max', users.max, 1_000, 1, MAX_REMEMBERED),
      ttl: integerOf('users.ttl', users.ttl, 60_000, 1),
    },
  }
}

function jwtKeyOf(value: unknown): JsonWebKey | undefined {
  if (value === undefined) return undefined
  const key = typeof value === 'string' ? publicKeyFromPem(value) : undefined
  if (key === undefined) {
    throw badOption('jwtKey', 'an RSA public key of at least 2048 bits as PEM (-----BEGIN PUBLIC KEY-----)')
  }
  return key
}
