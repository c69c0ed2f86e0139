/** What the tests of the PostgreSQL store share: pools, sample records, and a link's events. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Pool, type PoolConfig } from 'pg'
import type { LinkEvents, Membership, Position } from '../../../src/coherence/driver.ts'
import type { PostgresKeyStore } from '../../../src/stores/postgres/index.ts'

/** For calls that need no time limit. */
export const NEVER = new AbortController().signal

export function newPool(
  { host = '127.0.0.1', port }: { host?: string; port: number },
  options: PoolConfig = {},
): Pool {
  const connectionString = `postgres://postgres@${host}:${port}/postgres`
  const pool = new Pool({ connectionString, connectionTimeoutMillis: 10_000, ...options })
  pool.on('error', () => {})
  return pool
}

/** What a link has reported. */
export class Events implements LinkEvents {
  readonly pushes: number[] = []
  readonly lost: unknown[] = []
  onPush(epoch: number) {
    this.pushes.push(epoch)
  }
  onLost(cause: unknown) {
    this.lost.push(cause)
  }
}

/** An instance that is moved by hand: it beats when a test says so. */
export async function join(
  store: PostgresKeyStore,
  instance = 'a',
  { holds = 2_000, events = new Events() } = {},
) {
  const link = await store.coherence.driver.open(events, NEVER)
  const attached = async () => {
    const session = await link.attach({ instance, label: `host:${instance}`, holds }, null, NEVER)
    const membership: Membership = { instance, session: session ?? assert.fail('it is registered already') }
    return { membership, ...(await link.beat(membership, NEVER)) }
  }
  const { membership, position } = await attached().catch((error: unknown) => {
    link.destroy()
    throw error
  })
  const beat = (signal = NEVER) => link.beat(membership, signal)
  return {
    link,
    events,
    membership,
    position,
    beat,
    catchUp: (known: Position) => link.catchUp(known, NEVER),
    acknowledge: (known: Position) => link.acknowledge(membership, known, NEVER),
  }
}

/** Where the store stands. */
export async function positionOf(store: PostgresKeyStore): Promise<Position> {
  return (await store.coherence.driver.readFleet(0, NEVER)).position
}

/** Says that no instance lives whose row was lost: a database that was just made is a test's own. */
export async function settleFleet(store: PostgresKeyStore): Promise<void> {
  const { position, roster } = await store.coherence.driver.readFleet(0, NEVER)
  await store.coherence.driver.settle(position.history, roster, NEVER)
}

export function sampleHash(): string {
  return randomBytes(32).toString('hex')
}

export async function addTenant(store: PostgresKeyStore): Promise<string> {
  const id = `t_${sampleHash().slice(0, 20)}`
  const tenant = { id, name: id, metadata: {}, createdAt: new Date(), suspendedAt: null }
  assert.notEqual(await store.insertTenant(tenant), null)
  return id
}

export async function addKey(store: PostgresKeyStore, tenantId: string) {
  const id = `key_${sampleHash().slice(0, 20)}`
  const hash = sampleHash()
  const written = await store.insertKey({
    id,
    tenantId,
    hash,
    name: 'a key',
    environment: 'live',
    scopes: ['read'],
    metadata: {},
    start: 'tk_live_abcd',
    last4: 'wxyz',
    createdAt: new Date(),
    createdBy: null,
    expiresAt: null,
  })
  assert.ok(typeof written === 'object')
  return { id, hash, epoch: written.epoch, mark: written }
}
