/**
 * Reads every setting of the app from the environment, once, at start. It reports all problems at once, and each line names
 * the variable and what it takes. It never repeats values, because some are secrets.
 */
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type ClerkSettings, readClerkSettings } from './clerk-settings.ts'

export interface Settings {
  host: string
  port: number
  /** The proxies whose `X-Forwarded-For` says where a request comes from. */
  trustProxy: false | string[]
  logLevel: string
  keys: KeySettings
  /** Whether the app listens at once and waits for its key store in the background, or does not start without it. */
  waitForStore: boolean
  /** Seconds between SIGTERM and the shutdown, in which the app reports that it is not ready, and still answers. */
  drainSeconds: number
  /** The Redis in which instances count requests together. Without it, each instance counts alone. */
  redisUrl: string | undefined
  signIn: SignInSettings
  /** Per minute. */
  limits: { requestsPerTenant: number; failuresPerAddress: number }
}

export type KeySettings =
  { kind: 'embedded'; folder: string } | { kind: 'postgres'; url: string } | { kind: 'redis'; url: string }

export type SignInSettings = { kind: 'development' } | ClerkSettings

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']
/** The networks that Fastify has names for. */
const NETWORKS = ['loopback', 'linklocal', 'uniquelocal']
const DATA_FOLDER = fileURLToPath(new URL('data', import.meta.url))

/** What `NODE_ENV` may be if the service is not in production. */
const DEVELOPMENT = ['development', 'dev', 'test']
/** The names of this machine under which the development sign-in is served. */
export const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/** The options of the command that starts the app. */
export interface CommandLine {
  /** Let anyone in as anyone, as `npm start` does. No variable can set it, because variables are inherited. */
  devSignIn?: boolean
}

/**
 * @param env usually `process.env`; an empty variable counts as absent
 * @throws Error naming each variable that cannot be used
 */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  { devSignIn = false }: CommandLine = {},
): Settings {
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

  const production = isProduction(text('NODE_ENV'))
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
  const forProduction = `DATABASE_URL or REDIS_URL must be set where NODE_ENV is none of ${DEVELOPMENT.join(', ')}`
  check(!production || keys.kind !== 'embedded', `${forProduction}: the embedded database is for development`)

  const wait = text('WAIT_FOR_STORE') ?? 'false'
  check(['true', 'false'].includes(wait), 'WAIT_FOR_STORE must be true or false')
  const drainSeconds = Number(text('DRAIN_SECONDS') ?? 1)
  check(drainSeconds >= 0 && drainSeconds <= 300, 'DRAIN_SECONDS must be a number from 0 to 300')
  const limits = {
    requestsPerTenant: count('REQUESTS_PER_TENANT', 1_000),
    failuresPerAddress: count('FAILURES_PER_ADDRESS', 100),
  }
  const signIn = readSignIn()
  if (problems.length > 0) throw new Error(`These settings cannot be used:\n  ${problems.join('\n  ')}`)
  const rest = { waitForStore: wait === 'true', drainSeconds }
  return { host, port, trustProxy, logLevel, keys, redisUrl, signIn, limits, ...rest }

  function count(name: string, otherwise: number): number {
    const value = Number(text(name) ?? otherwise)
    check(Number.isInteger(value) && value > 0, `${name} must be a whole number above 0: how many a minute`)
    return value
  }

  function readSignIn(): SignInSettings {
    if (!devSignIn) return readClerkSettings(text, check)
    const reason = 'for the development sign-in, which lets anyone in'
    check(!production, `NODE_ENV must be one of ${DEVELOPMENT.join(', ')}, or not set, ${reason}`)
    check(LOOPBACK.includes(host), `HOST must be one of ${LOOPBACK.join(', ')} ${reason}`)
    check(!trustProxy, `TRUST_PROXY must not be set ${reason}: no proxy may stand in front of it`)
    for (const name of Object.keys(env).filter((known) => known.startsWith('CLERK_'))) {
      check(
        text(name) === undefined,
        `${name} must not be set ${reason}: start the app with npm run start:clerk`,
      )
    }
    return { kind: 'development' }
  }
}

/** Any name that is not one of development counts as production: `Production`, `prod`, `staging`, `live`. */
export function isProduction(environment: string | undefined): boolean {
  const name = environment?.trim().toLowerCase() ?? ''
  return name !== '' && !DEVELOPMENT.includes(name)
}

/** The whole internet is not accepted, because then any client could choose its address. */
function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/([1-9]\d{0,2}))?$/.exec(text) ?? []
  const longest = { 4: 32, 6: 128 }[isIP(address)]
  return NETWORKS.includes(text) || (longest !== undefined && Number(bits ?? longest) <= longest)
}
