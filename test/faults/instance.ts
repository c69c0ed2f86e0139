/**
 * One instance of the fleet, in a separate process: Fastify with `tenantAuth`, in front of a store that it reaches
 * through a proxy. The parent process calls its actions over the IPC channel.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import Fastify, { type FastifyInstance } from 'fastify'
import { KeyManager } from '../../src/keys/key-manager.ts'
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type { WritableKeyStore } from '../../src/stores/writable-key-store.ts'
import { tenantAuth } from '../../src/tenant-auth/index.ts'
import { ANSWERED, now } from './history.ts'
import { type Leak, makeStore, type StoreOptions } from './instance-store.ts'

export interface InstanceOptions {
  store: StoreOptions
  /** The most keys that it may cache. */
  max?: number
  maxConcurrentLookups?: number
}

/** What the parent sends. */
export interface Call {
  id: number
  name: ActionName
  args: unknown[]
}
export interface Answer {
  id: number
  /** When the store had certainly committed the write. */
  committed?: number
  /** When the call returned, if it did not throw. */
  returned?: number
  value?: unknown
  error?: string
}

const WRITES = ['insertTenant', 'updateTenant', 'insertKey', 'updateKey', 'revokeKey'] as const

const options = JSON.parse(process.argv[2] ?? '') as InstanceOptions
/** Milliseconds. Depends on the lease, so that writes succeed on any machine that is fast enough to keep the lease. */
const TIMEOUT = Math.max(1_500, Math.floor(options.store.lease * 0.6))
const instanceStore = await makeStore(options.store)
/** When the first push of each change arrived, by epoch. */
const pushes = new Map<number, number>()
/** `undefined` until `countReads` is called, because the counts would grow without bound in a soak. */
let reads: { total: number; now: number; most: number; byHash: Map<string, number> } | undefined
const call = new AsyncLocalStorage<{ answer: Answer; dies: boolean }>()
const keys = new KeyManager(watched(instanceStore.store), { timeout: TIMEOUT })
const app = await startApp()
const WALL = Date.now.bind(Date)

const actions = {
  port: () => (app.server.address() as { port: number }).port,
  createTenant: (id: string) => keys.createTenant({ id, name: id }),
  create: (tenantId: string, scopes: string[]) =>
    keys.create({ tenantId, name: 'a key', environment: 'live', scopes }),
  import: (tenantId: string, hash: string, start: string, last4: string) =>
    keys.import({ tenantId, hash, start, last4, name: 'imported', environment: 'live', scopes: ['a'] }),
  revoke: (id: string) => keys.revoke(id),
  /** Commits, and is killed before it returns. */
  dieRevoking: (id: string) => keys.revoke(id),
  rotate: (id: string, grace: number) => keys.rotate(id, { grace }),
  scopes: (id: string, scopes: string[]) => keys.update(id, { scopes }),
  expire: (id: string, expiresAt: Date | null) => keys.update(id, { expiresAt }),
  pause: (id: string, paused: boolean) => keys.update(id, { paused }),
  bind: (id: string, networks: string[] | null) => keys.update(id, { networks }),
  purge: () => keys.purge({ endedBefore: new Date() }),
  deleteTenant: (tenantId: string) => keys.deleteTenant(tenantId),
  suspend: (tenantId: string) => keys.updateTenant(tenantId, { suspended: true }),
  resume: (tenantId: string) => keys.updateTenant(tenantId, { suspended: false }),
  stats: () => ({ ...app.tenantAuth.stats(), ready: app.tenantAuth.isReady(), memory: memory() }),
  /** Starts to count look-ups in the store. */
  countReads: () => {
    reads = { total: 0, now: 0, most: 0, byHash: new Map() }
  },
  /** How many look-ups there were, how many at once, and how many for these keys. */
  reads: (hashes: string[]) => ({
    total: reads?.total ?? 0,
    most: reads?.most ?? 0,
    wanted: hashes.reduce((sum, hash) => sum + (reads?.byHash.get(hash) ?? 0), 0),
  }),
  /** How many requests were let in from memory. */
  hits: () => app.tenantAuth.stats().hits,
  pushedAt: (epoch: number) => pushes.get(epoch),
  /** Blocks the event loop for this many milliseconds. */
  block: (ms: number) => {
    for (const end = now() + ms; now() < end;);
  },
  leak: (kind: Leak) => instanceStore.leak(kind),
  /** Moves the wall clock. */
  shiftClock: (ms: number) => {
    Date.now = () => WALL() + ms
  },
  leave: async () => {
    await app.close()
    await instanceStore.close()
  },
}
export type Actions = typeof actions
export type ActionName = keyof Actions

process.on('message', (message: Call) => void run(message))
process.on('disconnect', () => process.exit())
process.send?.('ready')

async function run({ id, name, args }: Call): Promise<void> {
  const answer: Answer = { id }
  try {
    const action = actions[name] as (...args: unknown[]) => unknown
    answer.value = await call.run({ answer, dies: name === 'dieRevoking' }, () => action(...args))
    answer.returned = now()
  } catch (error) {
    answer.error = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
  process.send?.(answer)
}

/**
 * Notes when a write was committed, because the manager returns only once the fleet has confirmed it. Also counts
 * look-ups, and notes when pushes arrive.
 */
function watched(store: CoherentKeyStore & WritableKeyStore): CoherentKeyStore & WritableKeyStore {
  for (const name of WRITES) {
    const write = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>
    const noted = async (...args: unknown[]) => {
      const result = await write(...args)
      const current = call.getStore()
      if (current === undefined || result === null || typeof result === 'string') return result
      current.answer.committed = now()
      // The parent learns of the commit. Then this process ends in the middle of the call.
      if (current.dies) {
        process.send?.(current.answer, () => process.kill(process.pid, 'SIGKILL'))
        return new Promise(() => {})
      }
      return result
    }
    Object.defineProperty(store, name, { value: noted })
  }
  const find = store.findByHash.bind(store)
  store.findByHash = async (hash, options) => {
    const counts = reads
    if (counts === undefined) return find(hash, options)
    counts.total++
    counts.most = Math.max(counts.most, ++counts.now)
    counts.byHash.set(hash, (counts.byHash.get(hash) ?? 0) + 1)
    try {
      return await find(hash, options)
    } finally {
      counts.now--
    }
  }
  const { coherence } = store
  if (coherence.kind === 'fleet') {
    const { driver } = coherence
    const open = driver.open.bind(driver)
    driver.open = (events, signal) => {
      const onPush = (epoch: number) => {
        if (!pushes.has(epoch)) pushes.set(epoch, now())
        events.onPush(epoch)
      }
      return open({ onPush, onLost: (cause) => events.onLost(cause) }, signal)
    }
  }
  return store
}

async function startApp(): Promise<FastifyInstance> {
  // Warnings go to standard output, which the parent reads.
  const app = Fastify({ logger: { level: 'warn' } })
  await app.register(tenantAuth, {
    keyStore: instanceStore.store,
    cache: options.max === undefined ? {} : { max: options.max },
    lookupTimeout: Math.floor(options.store.lease * 0.6),
    maxConcurrentLookups: options.maxConcurrentLookups ?? 64,
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    reply.header(ANSWERED, String(now()))
    done()
  })
  app.get('/open', () => 'ok')
  app.get('/scoped', { config: { tenantAuth: { scopes: ['a'] } } }, () => 'ok')
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app
}

/** Bytes in use, after a garbage collection if the process was started with `--expose-gc`. */
function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
