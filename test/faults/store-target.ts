/** A store under trial: its server, and what people do to it behind the package's back. */
import type { ServerProcess } from '../servers/server-process.ts'
import type { TcpProxy } from '../servers/index.ts'
import type { StoreOptions } from './instance-store.ts'
import type { PushFilter } from './push-filter.ts'

/** How many connections an instance has at most: its pool's, or its client's and three of the store's own. */
export const CONNECTIONS: Record<StoreOptions['kind'], number> = { postgres: 8, redis: 4 }

export interface StoreTarget {
  readonly server: ServerProcess
  /** Where instances connect to, when that is not the server itself. */
  readonly entrance?: ServerProcess
  /** How an instance reaches the store through a proxy on this port. */
  optionsFor(port: number): StoreOptions
  /** What can take pushes out of the traffic of this proxy. To be called before anything connects through it. */
  pushesOf(proxy: TcpProxy): PushFilter
  /** Ends all connections from the server's side. */
  killConnections(): Promise<void>
  /**
   * Writes without the package, each committed when it returns. They throw where it is not known whether they were.
   */
  readonly plain: PlainWrites
  readonly faults: PlainFaults
  /** What its connections are doing, for whoever looks into a fleet that does not recover. */
  describe(): Promise<string>
  close(): Promise<void>
}

/** Faults that only one store can have. */
export interface PlainFaults {
  /** Keeps everybody from these tables while `work` lasts. */
  lock?: (tables: readonly string[], work: () => Promise<void>) => Promise<void>
  /** Revokes keys in a transaction that is open while `work` lasts, and then committed. */
  revokeSlowly?: (ids: readonly string[], work: () => Promise<void>) => Promise<void>
  /** The server does nothing else for so many milliseconds. */
  sleep?: (ms: number) => Promise<void>
  /** Takes away the rows of all instances. */
  loseRows: (how: 'one by one' | 'all at once') => Promise<void>
  /** Takes away the index of a tenant's keys. */
  loseIndex?: (tenantId: string) => Promise<void>
  /** A replica that is up to date, until it is let alone: from then on it hears nothing of the primary. */
  replica?: () => Promise<{ host: string; port: number; letAlone(): void; heal(): void }>
}

export interface PlainWrites {
  revoke(ids: readonly string[]): Promise<void>
  /** Revokes and takes it back before it is committed. */
  revokeAndRollBack(id: string): Promise<void>
  suspend(tenantId: string): Promise<void>
  hardDelete(id: string): Promise<void>
  deleteAll(): Promise<void>
  /**
   * What a restore does: the counter of changes is lower than it was. As it had been then, this key is revoked, or no key
   * is left.
   */
  turnBack(id: string): Promise<void>
  readonly turningBackLosesAll: boolean
  /** What a dump of data alone does: everything but this key, which is revoked since, is as it was, numbers and names, too. */
  putBack?(id: string): Promise<void>
  /** The log of changes cannot answer for the past any more, in which this key was revoked. */
  changeTag(id: string): Promise<void>
}
