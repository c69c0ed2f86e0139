/** Redis as the store of a trial. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, MultiErrorReply } from 'redis'
import { RedisKeyStore } from '../../src/stores/redis/index.ts'
import { type RedisServer, startRedis, startTcpProxy, type TcpProxy } from '../servers/index.ts'
import { now } from './history.ts'
import type { StoreOptions } from './instance-store.ts'
import { PushFilter, readRedisMessage } from './push-filter.ts'
import type { PlainWrites, StoreTarget } from './store-target.ts'

type Settings = Pick<StoreOptions, 'lease' | 'heartbeat'>
type Client = ReturnType<typeof createClient>

const CHANGES = '{tenant-auth}:changes'
const FLEET = '{tenant-auth}:fleet'
/** Milliseconds after which a plain write is given up. */
const LIMIT = 3_000

export async function startRedisTarget(settings: Settings): Promise<StoreTarget> {
  // What is acknowledged survives the death of the server, though not of the machine: each write is in the file before
  // its answer. With `everysec` it may not be, if a slow disk delays an fsync.
  const files = ['--appendonly', 'yes', '--appendfsync', 'no']
  // Without the delay, a replica is ready as soon as it connects.
  const server = await startRedis([...files, '--repl-diskless-sync-delay', '0'])
  let replica: ReturnType<typeof startReplica> | undefined
  return {
    server,
    optionsFor: (port) => ({ kind: 'redis', url: `redis://127.0.0.1:${port}`, ...settings }),
    pushesOf: (proxy) => new PushFilter(proxy, readRedisMessage),
    killConnections: async () => {
      await withClient(server, (client) => client.sendCommand(['CLIENT', 'KILL', 'SKIPME', 'yes']))
    },
    plain: plainWrites(server, settings),
    faults: {
      sleep: async (ms) => {
        const limit = { commandTimeout: ms + LIMIT }
        await withClient(
          server,
          (client) => client.sendCommand(['DEBUG', 'SLEEP', String(ms / 1_000)]),
          limit,
        )
      },
      loseRows: () =>
        withClient(server, async (client) => {
          const fields = await client.hKeys(FLEET)
          await client.hDel(FLEET, [
            ...fields.filter((field) => /^(info|session|acknowledged):/.test(field)),
            '-',
          ])
        }),
      loseIndex: (tenantId) =>
        withClient(server, async (client) => {
          await client.del(`{tenant-auth}:keys-of:${tenantId}`)
        }),
      replica: async () => {
        replica ??= startReplica(server)
        const { copy, proxy } = await replica
        await untilLevel(copy)
        return {
          host: copy.host,
          port: copy.port,
          letAlone: () => proxy.blackhole(),
          heal: () => proxy.heal(),
        }
      },
    },
    describe: () => withClient(server, (client) => client.sendCommand<string>(['CLIENT', 'LIST'])),
    close: async () => {
      const started = await replica
      await started?.copy.stop()
      await started?.proxy.stop()
      await server.stop()
    },
  }
}

async function startReplica(server: RedisServer): Promise<{ copy: RedisServer; proxy: TcpProxy }> {
  const proxy = await startTcpProxy(server)
  const copy = await startRedis(['--replicaof', proxy.host, String(proxy.port)])
  return { copy, proxy }
}

/** Waits until a replica has what its primary has. */
async function untilLevel(copy: RedisServer): Promise<void> {
  for (const end = now() + LIMIT; ; await sleep(20)) {
    const info = await withClient(copy, (client) => client.info('replication'))
    if (info.includes('master_link_status:up')) return
    if (now() > end) throw new Error('the replica did not come up')
  }
}

/** Redis has no triggers that would see writes by hand. So these go through a store, but outside the fleet. */
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
    /** Trims the stream to nothing, before any instance can have read what was written to it. */
    changeTag: (id) =>
      withClient(server, async (client) => {
        await new RedisKeyStore({ client: trimming(client), ...settings }).revokeKey(id, new Date())
      }),
  }
}

/**
 * Returns a client that trims the stream to nothing in the same transaction as each script. So do its duplicates, which
 * the store uses as its connections.
 */
function trimming(client: Client): Client {
  const duplicate = (options?: Parameters<Client['duplicate']>[0]) =>
    trimming(client.duplicate(options) as Client)
  const sendCommand = async (args: string[]) => {
    const both = client.multi().addCommand(args).addCommand(['XTRIM', CHANGES, 'MAXLEN', '0'])
    try {
      return (await both.exec())[0]
    } catch (error) {
      // The error of the script itself, because the store may know how to handle it.
      throw error instanceof MultiErrorReply ? error.replies[0] : error
    }
  }
  const own: Record<string | symbol, unknown> = { duplicate, sendCommand }
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = own[name] ?? Reflect.get(target, name, target)
      return typeof value === 'function' && !(name in own) ? (value.bind(target) as unknown) : value
    },
  })
}

/** Connects directly, not through the proxy of an instance, so that no fault of a connection affects it. */
async function withClient<T>(
  server: RedisServer,
  work: (client: Client) => Promise<T>,
  { commandTimeout = LIMIT } = {},
): Promise<T> {
  const client: Client = createClient({
    url: server.url,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false, connectTimeout: LIMIT },
    commandOptions: { timeout: commandTimeout },
  })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}
