/** Opens the key store that the settings choose: PostgreSQL, Redis, or a PostgreSQL embedded in this process. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { PostgresKeyStore, RedisKeyStore, type WritableKeyStore } from 'fastify-tenant-auth'
import { inWords } from './cause.ts'
import { openEmbeddedDatabase } from './embedded-database.ts'
import { outageLog } from './outage-log.ts'
import type { Settings } from './settings.ts'

export interface OpeningKeyStore {
  keyStore: WritableKeyStore
  /** Resolves when the store has answered and has its tables. */
  opened: Promise<void>
}

/** Milliseconds that a store has to answer at start, without `waitForStore`. */
const START_LIMIT = 10_000
/** Milliseconds between attempts, the shortest and the longest. */
const [SOON, LATER] = [250, 5_000]

/**
 * Connects, and closes what it has opened when the app closes. Loads only the driver that it uses.
 *
 * @throws Error in one line, with the variable to check, if the store cannot be used and `waitForStore` is not set
 */
export async function openKeyStore(
  app: FastifyInstance,
  { keys, waitForStore }: Pick<Settings, 'keys' | 'waitForStore'>,
): Promise<OpeningKeyStore> {
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())
  const { keyStore, variable, connect } = await chooseKeyStore(app, keys)

  if (!waitForStore) {
    const late = sleep(START_LIMIT, undefined, { ref: false }).then(() => {
      throw new Error(`no answer within ${START_LIMIT / 1_000} seconds`)
    })
    await Promise.race([connect(), late]).catch((error: unknown) => {
      const hint = variable === 'DATA_FOLDER' ? '' : ', or set WAIT_FOR_STORE=true to wait for it'
      throw new Error(`The key store cannot be used: ${inWords(error)}. Check ${variable}${hint}.`, {
        cause: error,
      })
    })
    return { keyStore, opened: Promise.resolve() }
  }

  async function untilOpen(): Promise<void> {
    let said = ''
    for (let pause = SOON; !closing.signal.aborted; pause = Math.min(pause * 2, LATER)) {
      try {
        return await connect()
      } catch (error) {
        const why = inWords(error)
        // Logged once for each cause, however long it lasts.
        if (why !== said) app.log.warn(`waiting for the key store: ${why}`)
        said = why
      }
      await sleep(pause, undefined, { signal: closing.signal }).catch(() => {})
    }
    throw new Error('closed before the key store could be used')
  }
  const opened = untilOpen()
  opened.then(
    () => app.log.info('the key store can be used'),
    // Rejects only if the app is closing, which the log says.
    () => {},
  )
  return { keyStore, opened }
}

interface Choice {
  keyStore: WritableKeyStore
  /** The setting that says where the store is. */
  variable: string
  /** Called again if it throws, with `waitForStore`. */
  connect: () => Promise<void>
}

async function chooseKeyStore(app: FastifyInstance, settings: Settings['keys']): Promise<Choice> {
  // Drivers emit `error` when an idle connection breaks, which ends the process if there is no listener.
  if (settings.kind === 'redis') {
    const { createClient } = await import('redis')
    let open = false
    const client = createClient({
      url: settings.url,
      disableOfflineQueue: true,
      socket: {
        connectTimeout: 2_000,
        // Once connected, it retries forever; at start, `openKeyStore` decides.
        reconnectStrategy: (retries) => open && Math.min(50 * 2 ** retries, 2_000),
      },
    })
    const { lost, restored } = outageLog(app.log, 'connection to the key store')
    client.on('error', (err) => open && lost(err)).on('ready', restored)
    app.addHook('onClose', () => client.isOpen && client.destroy())
    const connect = async () => {
      if (!client.isOpen) await client.connect()
      open = true
    }
    const keyStore = new RedisKeyStore({ client })
    return { keyStore, variable: 'REDIS_URL', connect }
  }
  if (settings.kind === 'postgres') {
    const { default: pg } = await import('pg')
    const pool = new pg.Pool({ connectionString: settings.url, connectionTimeoutMillis: 2_000 })
    // Only the message: the error holds the whole client, including the secret with which its queries can be canceled.
    pool.on('error', ({ message }) => app.log.error({ cause: message }, 'connection to the key store lost'))
    app.addHook('onClose', () => pool.end())
    const keyStore = new PostgresKeyStore({ pool })
    const connect = async () => {
      // For its error, which is the original one of the driver or the server.
      await pool.query('SELECT 1')
      await keyStore.migrate()
    }
    return { keyStore, variable: 'DATABASE_URL', connect }
  }
  const { pool, close } = await openEmbeddedDatabase(settings.folder)
  app.addHook('onClose', close)
  const keyStore = new PostgresKeyStore({ pool })
  return { keyStore, variable: 'DATA_FOLDER', connect: () => keyStore.migrate() }
}
