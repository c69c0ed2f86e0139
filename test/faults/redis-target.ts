/** Redis under trial. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from 'redis'
import { RedisKeyStore } from '../../src/stores/redis/index.ts'
import { type Filter, type RedisServer, startRedis } from '../servers/index.ts'
import type { StoreOptions } from './instance-store.ts'
import type { PlainWrites, StoreTarget } from './store-target.ts'

type Settings = Pick<StoreOptions, 'lease' | 'heartbeat'>
type Client = ReturnType<typeof createClient>

const CHANGES = '{tenant-auth}:changes'
/** Milliseconds after which a plain write is given up. */
const LIMIT = 3_000

export async function startRedisTarget(settings: Settings): Promise<StoreTarget> {
  // What is acknowledged outlives the server's end, if not the machine's.
  const server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'everysec'])
  return {
    server,
    optionsFor: (port) => ({ kind: 'redis', url: `redis://127.0.0.1:${port}`, ...settings }),
    dropPushes: (proxy) => proxy.filter('down', withoutMessages),
    killConnections: async () => {
      await withClient(server, (client) => client.sendCommand(['CLIENT', 'KILL', 'SKIPME', 'yes']))
    },
    plain: plainWrites(server, settings),
    describe: () => withClient(server, (client) => client.sendCommand<string>(['CLIENT', 'LIST'])),
    close: () => server.stop(),
  }
}

/** Redis has no triggers: whoever writes to it by hand writes past the package. So these are writes without a fleet. */
function plainWrites(server: RedisServer, settings: Settings): PlainWrites {
  const withStore = (write: (store: RedisKeyStore, client: Client) => Promise<unknown>) =>
    withClient(server, async (client) => {
      await write(new RedisKeyStore({ client, ...settings }), client)
    })
  const revoke = (ids: readonly string[]) =>
    withStore((store) => Promise.all(ids.map((id) => store.revokeKey(id, new Date()))))
  return {
    revoke,
    revokeAndRollBack: async () => {},
    suspend: (id) => withStore((store) => store.updateTenant(id, { suspendedAt: new Date() })),
    hardDelete: (id) => revoke([id]),
    deleteAll: () =>
      withClient(server, async (client) => {
        await client.flushAll()
      }),
    turningBackLosesAll: true,
    /** Comes back empty. */
    turnBack: async () => {
      await server.stop('SIGKILL')
      rmSync(join(server.folder, 'appendonlydir'), { recursive: true })
      await server.start()
    },
    /** The log cannot say any more what changed. */
    changeTag: (id) =>
      withStore(async (store, client) => {
        await store.revokeKey(id, new Date())
        await client.xTrim(CHANGES, 'MAXLEN', 0)
      }),
  }
}

/** Not through a proxy: whoever does this has a way of their own to the server. */
async function withClient<T>(server: RedisServer, work: (client: Client) => Promise<T>): Promise<T> {
  const client: Client = createClient({
    url: server.url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false, connectTimeout: LIMIT },
    commandOptions: { timeout: LIMIT },
  })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}

/** Takes published messages out of what a server sends. They are short, and so come whole. */
function withoutMessages(): Filter {
  const message = /[*>]3\r\n\$\d\r\ns?message\r\n\$\d+\r\n[^\r]*\r\n\$\d+\r\n[^\r]*\r\n/g
  return (chunk) => Buffer.from(chunk.toString('latin1').replaceAll(message, ''), 'latin1')
}
