/** A store under trial: its server, and what people do to it behind the package's back. */
import type { ServerProcess } from '../servers/server-process.ts'
import type { TcpProxy } from '../servers/index.ts'
import type { StoreOptions } from './instance-store.ts'

export interface StoreTarget {
  readonly server: ServerProcess
  /** How an instance reaches the store through a proxy on this port. */
  optionsFor(port: number): StoreOptions
  /** Takes what tells instances of changes out of the traffic, until the proxy is healed. */
  dropPushes(proxy: TcpProxy): void
  /** Ends all connections from the server's side. */
  killConnections(): Promise<void>
  /**
   * Writes without the package, each committed when it returns. They throw where it is not known whether they were.
   */
  readonly plain: PlainWrites
  /** What its connections are doing, for whoever looks into a fleet that does not recover. */
  describe(): Promise<string>
  close(): Promise<void>
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
  /** The log of changes cannot answer for the past any more, in which this key was revoked. */
  changeTag(id: string): Promise<void>
}
