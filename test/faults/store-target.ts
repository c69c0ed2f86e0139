/** The store of a trial: its server, and what people do to it without the package. */
import type { ServerProcess } from '../servers/server-process.ts'
import type { TcpProxy } from '../servers/index.ts'
import type { StoreOptions } from './instance-store.ts'
import type { PushFilter } from './push-filter.ts'

/** The most connections of an instance: those of its pool, or its client and the three that the store opens. */
export const CONNECTIONS: Record<StoreOptions['kind'], number> = { postgres: 8, redis: 4 }

export interface StoreTarget {
  readonly server: ServerProcess
  /** What instances connect to, if it is not the server itself. */
  readonly entrance?: ServerProcess
  /** How an instance reaches the store through a proxy on this port. */
  optionsFor(port: number): StoreOptions
  /** Returns a filter that can drop the pushes in this proxy's traffic. Call it before anything connects through the proxy. */
  pushesOf(proxy: TcpProxy): PushFilter
  /** Ends all connections from the server's side. */
  killConnections(): Promise<void>
  /**
   * Writes without the fleet, each committed when it returns. They throw if it is not known whether they were committed.
   */
  readonly plain: PlainWrites
  readonly faults: PlainFaults
  /** Describes what the server's connections are doing, to investigate a fleet that does not recover. */
  describe(): Promise<string>
  close(): Promise<void>
}

/** Faults that only one store can have. */
export interface PlainFaults {
  /** Locks these tables while `work` lasts. */
  lock?: (tables: readonly string[], work: () => Promise<void>) => Promise<void>
  /** Revokes keys in a transaction that is open while `work` lasts, and then committed. */
  revokeSlowly?: (ids: readonly string[], work: () => Promise<void>) => Promise<void>
  /** Keeps the server busy for this many milliseconds. */
  sleep?: (ms: number) => Promise<void>
  /** Deletes the rows of all instances. */
  loseRows: (how: 'one by one' | 'all at once') => Promise<void>
  /** Deletes the index of a tenant's keys. */
  loseIndex?: (tenantId: string) => Promise<void>
  /** Starts a replica, or returns the one that runs. It is up to date until `letAlone` cuts it off from the primary. */
  replica?: () => Promise<{ host: string; port: number; letAlone(): void; heal(): void }>
}

export interface PlainWrites {
  revoke(ids: readonly string[]): Promise<void>
  /** Revokes a key, and rolls the transaction back. */
  revokeAndRollBack(id: string): Promise<void>
  suspend(tenantId: string): Promise<void>
  hardDelete(id: string): Promise<void>
  deleteAll(): Promise<void>
  /** Does what a restore does: the epoch is lower than before, and this key is revoked, or no key is left. */
  turnBack(id: string): Promise<void>
  readonly turningBackLosesAll: boolean
  /** Does what restoring a dump of the data alone does: all is as it was, epoch and tag included, but this key is revoked. */
  putBack?(id: string): Promise<void>
  /** Revokes a key, and makes the store unable to say what changed. */
  changeTag(id: string): Promise<void>
}
