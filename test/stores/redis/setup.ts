/** Stores for the tests, on a server of theirs. Everything is closed at the end of the test. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { createClient } from 'redis'
import type {
  BeatAnswer,
  Changes,
  FleetLink,
  LinkEvents,
  Membership,
  Position,
} from '../../../src/coherence/driver.ts'
import { RedisKeyStore, type RedisKeyStoreOptions } from '../../../src/stores/redis/index.ts'
import { CLIENTS } from './clients.ts'

export const LEASE = 400
export const HEARTBEAT = 100

export interface OpenOptions extends Partial<RedisKeyStoreOptions> {
  library?: string
}

/** A store with a separate client, like that of another process. */
export async function openStore(
  t: TestContext,
  url: string,
  { library = 'node-redis 6', ...options }: OpenOptions = {},
): Promise<RedisKeyStore> {
  const connected = await CLIENTS[library]?.(url)
  if (connected === undefined) throw new Error(`no such client: ${library}`)
  t.after(connected.close)
  return new RedisKeyStore({ client: connected.client, lease: LEASE, heartbeat: HEARTBEAT, ...options })
}

/** Commands of an operator. */
export async function openAdmin(
  t: TestContext,
  url: string,
): Promise<(...args: string[]) => Promise<unknown>> {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', () => {})
  await client.connect()
  t.after(() => client.destroy())
  return (...args) => client.sendCommand(args)
}

/** A separate link, like that of another process. */
export async function connect(
  t: TestContext,
  store: RedisKeyStore,
  events: Partial<LinkEvents> = {},
): Promise<FleetLink> {
  const link = await store.coherence.driver.open({ onPush: () => {}, onLost: () => {}, ...events }, soon())
  t.after(() => link.destroy())
  return link
}

export interface Joined extends Membership {
  link: FleetLink
  beat: () => Promise<BeatAnswer>
  /** Reads what changed since, and acknowledges it. */
  follow: (known?: Position) => Promise<Changes>
}

/** Connects and registers. */
export async function join(
  t: TestContext,
  store: RedisKeyStore,
  { holds = LEASE, instance = randomUUID() }: { holds?: number; instance?: string } = {},
): Promise<Joined> {
  const link = await connect(t, store)
  const session = await link.attach({ instance, label: `label of ${instance}`, holds }, null, soon())
  assert.ok(session)
  const membership = { instance, session }
  const joined: Joined = {
    ...membership,
    link,
    beat: () => link.beat(membership, soon()),
    async follow(known) {
      const changes = await link.catchUp(known ?? (await joined.beat()).position, soon())
      await link.acknowledge(membership, changes.position, soon())
      return changes
    },
  }
  return joined
}

/** A time limit that no working server exceeds. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(20_000)
}
