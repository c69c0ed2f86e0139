/**
 * Every setting of the app, read from the environment once, at start. What is wrong is reported all at once, each line
 * naming the variable and what it takes; values are never repeated, because some are secrets.
 */
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { ConsoleAuthOptions } from 'fastify-tenant-auth'

export interface Settings {
  host: string
  port: number
  /** Whose `X-Forwarded-For` says where a request comes from. */
  trustProxy: false | string[]
  logLevel: string
  keys: KeySettings
  /** Where several instances count requests together; without it each counts its own. */
  redisUrl: string | undefined
  signIn: SignInSettings
  /** A minute. */
  limits: { requestsPerTenant: number; failuresPerAddress: number }
}

export type KeySettings =
  { kind: 'embedded'; folder: string } | { kind: 'postgres'; url: string } | { kind: 'redis'; url: string }

export type SignInSettings =
  | { kind: 'development' }
  | {
      kind: 'clerk'
      options: ConsoleAuthOptions
      /** Only the page at `/dashboard` needs it. */
      publishableKey: string | undefined
    }

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
/** What Fastify has names for. */
const NETWORKS = ['loopback', 'linklocal', 'uniquelocal']
const DATA_FOLDER = fileURLToPath(new URL('data', import.meta.url))

/**
 * @param env as a rule `process.env`; a variable that is empty counts as absent
 * @throws Error naming each variable that cannot be used
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const problems: string[] = []
  const check = (holds: boolean, problem: string) => {
    if (!holds) problems.push(problem)
  }
  const text = (name: string) => env[name]?.trim() || undefined
  const url = (name: string, schemes: RegExp, takes: string) => {
    const value = text(name)
    check(value === undefined || schemes.test(value), `${name} must be a URL that starts with ${takes}`)
    return value
  }

  const production = text('NODE_ENV') === 'production'
  const host = text('HOST') ?? '127.0.0.1'
  const port = Number(text('PORT') ?? 3000)
  check(Number.isInteger(port) && port >= 0 && port <= 65_535, 'PORT must be an integer from 0 to 65535')
  const proxies = text('TRUST_PROXY')?.split(/[\s,]+/) ?? []
  check(
    proxies.every(isNetwork),
    `TRUST_PROXY must be addresses or networks of proxies (10.0.0.0/8), or among ${NETWORKS.join(', ')}`,
  )
  const trustProxy = proxies.length > 0 && proxies
  const logLevel = text('LOG_LEVEL') ?? 'info'
  check(LOG_LEVELS.includes(logLevel), `LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`)

  const databaseUrl = url('DATABASE_URL', /^postgres(ql)?:\/\//, 'postgres://')
  const redisUrl = url('REDIS_URL', /^rediss?:\/\//, 'redis:// or rediss://')
  const folder = text('DATA_FOLDER') ?? DATA_FOLDER
  const keys: KeySettings =
    databaseUrl !== undefined
      ? { kind: 'postgres', url: databaseUrl }
      : redisUrl !== undefined
        ? { kind: 'redis', url: redisUrl }
        : { kind: 'embedded', folder }
  const forProduction = 'DATABASE_URL or REDIS_URL must be set where NODE_ENV is production'
  check(!production || keys.kind !== 'embedded', `${forProduction}: the embedded database is for development`)

  const limits = {
    requestsPerTenant: count('REQUESTS_PER_TENANT', 1_000),
    failuresPerAddress: count('FAILURES_PER_ADDRESS', 100),
  }
  const signIn = readSignIn()
  if (problems.length > 0) throw new Error(`These settings cannot be used:\n  ${problems.join('\n  ')}`)
  return { host, port, trustProxy, logLevel, keys, redisUrl, signIn, limits }

  function count(name: string, otherwise: number): number {
    const value = Number(text(name) ?? otherwise)
    check(Number.isInteger(value) && value > 0, `${name} must be a whole number above 0: how many a minute`)
    return value
  }

  function readSignIn(): SignInSettings {
    const publishableKey = text('CLERK_PUBLISHABLE_KEY')
    const secretKey = text('CLERK_SECRET_KEY')
    const jwtKey = text('CLERK_JWT_KEY')
    const authorizedParties = text('CLERK_AUTHORIZED_PARTIES')?.split(/[\s,]+/) ?? []

    if ((publishableKey ?? secretKey ?? jwtKey) === undefined) {
      const reason = 'the development sign-in lets anyone in'
      check(!production, `CLERK_SECRET_KEY must be set where NODE_ENV is production: ${reason}`)
      check(isLoopback(host), `HOST must be a loopback address while no CLERK_ variable is set: ${reason}`)
      return { kind: 'development' }
    }
    check(
      authorizedParties.length > 0 && authorizedParties.every((party) => URL.canParse(party)),
      'CLERK_AUTHORIZED_PARTIES must be the origins of the dashboard, with commas between: https://dashboard.example.com',
    )
    if (jwtKey !== undefined) {
      return { kind: 'clerk', publishableKey, options: { authorizedParties, jwtKey, secretKey } }
    }
    const either = 'CLERK_SECRET_KEY or CLERK_JWT_KEY must be set where CLERK_PUBLISHABLE_KEY is'
    check(secretKey !== undefined, either)
    return { kind: 'clerk', publishableKey, options: { authorizedParties, secretKey: secretKey ?? '' } }
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** All of the internet is none: then any client could say where it comes from. */
function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/([1-9]\d{0,2}))?$/.exec(text) ?? []
  const longest = { 4: 32, 6: 128 }[isIP(address)]
  return NETWORKS.includes(text) || (longest !== undefined && Number(bits ?? longest) <= longest)
}
