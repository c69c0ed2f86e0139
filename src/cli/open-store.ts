/** Opens the store that the environment names. The user installs the driver, which is loaded only when it is needed. */
import type { WritableKeyStore } from '../stores/writable-key-store.ts'
import { PostgresKeyStore } from '../stores/postgres/index.ts'
import { RedisKeyStore } from '../stores/redis/index.ts'
import { UnavailableError, UsageError } from './exit-codes.ts'

export interface OpenStore {
  /** With `migrate` if it has tables. */
  store: WritableKeyStore & Partial<Pick<PostgresKeyStore, 'migrate'>>
  /** Call it after a failure: it throws the reason if the database cannot be reached. The store's errors say less. */
  diagnose: () => Promise<unknown>
  close: () => Promise<void>
}

export interface StoreOptions {
  schema?: string | undefined
  'redis-prefix'?: string | undefined
}

/** Milliseconds. */
const CONNECT_TIMEOUT = 5_000

export async function openStore(env: NodeJS.ProcessEnv, options: StoreOptions): Promise<OpenStore> {
  const { DATABASE_URL, REDIS_URL } = env
  if (DATABASE_URL) return openPostgres(DATABASE_URL, options)
  if (REDIS_URL) return openRedis(REDIS_URL, options)
  throw new UsageError('Set DATABASE_URL (postgres://…) or REDIS_URL (redis://…) to say where the keys are')
}

async function openPostgres(url: string, { schema }: StoreOptions): Promise<OpenStore> {
  const { default: pg } = await loadDriver('DATABASE_URL', 'pg', () => import('pg'))
  // A client parses the URL in its constructor, a pool when it first connects.
  configured('DATABASE_URL', 'a URL such as postgres://user:password@host/database', () =>
    /^(?:postgres(?:ql)?|socket):|^\//.test(url) ? new pg.Client({ connectionString: url }) : undefined,
  )
  const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT, max: 2 })
  // The pool replaces an idle connection that breaks. Without a listener, the error would end the process.
  pool.on('error', () => {})
  const store = new PostgresKeyStore({ pool, ...(schema !== undefined && { schema }) })
  const diagnose = () => reach('PostgreSQL', () => pool.query('SELECT 1'))
  return { store, diagnose, close: () => pool.end() }
}

async function openRedis(url: string, { 'redis-prefix': prefix }: StoreOptions): Promise<OpenStore> {
  const { createClient } = await loadDriver('REDIS_URL', 'redis', () => import('redis'))
  const client = configured('REDIS_URL', 'a URL such as redis://host:6379', () =>
    /^rediss?:\/\/|^unix:/.test(url)
      ? createClient({
          url,
          disableOfflineQueue: true,
          socket: { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false },
        })
      : undefined,
  )
  client.on('error', () => {})
  // Before it connects, so that an invalid option leaves no connection open.
  const store = new RedisKeyStore({ client, ...(prefix !== undefined && { prefix }) })
  await reach('Redis', () => client.connect())
  const diagnose = () => reach('Redis', () => client.ping())
  return { store, diagnose, close: async () => client.destroy() }
}

/** Never repeats the driver's error: it may contain the URL, and the URL a password. */
function configured<Client>(variable: string, takes: string, make: () => Client | undefined): Client {
  let made
  try {
    made = make()
  } catch {
    // Handled below, like an unknown protocol.
  }
  if (made === undefined) throw new UsageError(`${variable} must be ${takes}`)
  return made
}

async function reach(name: string, connect: () => Promise<unknown>): Promise<void> {
  try {
    await connect()
  } catch (error) {
    throw new UnavailableError(`${name} cannot be reached`, { cause: error })
  }
}

export async function loadDriver<Module>(
  variable: string,
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    throw new UnavailableError(`${variable} is set, which needs the package ${name}: npm install ${name}`, {
      cause: error,
    })
  }
}
