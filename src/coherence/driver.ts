/**
 * What a store that several processes share brings to the fleet protocol: a driver. The protocol itself, with its clocks,
 * retries and waits, is written once over it (`fleet.ts`), and `coherenceContract` is the driver's test.
 *
 * Rules for every method:
 * - It asks the primary, in one atomic step (one statement, one script), and answers of one snapshot that is younger than
 *   the call. What cannot prove that throws.
 * - It retries nothing that may have happened and keeps no time of its own: it rejects as soon as its signal is aborted.
 * - An error says whether it is known that nothing was done, as far as that is known (`TenantAuthError` with its words).
 */

/** Where the changes of a store stand. */
export interface Position {
  /**
   * Names one line of changes. Another one whenever the store cannot answer for the past any more: data were lost or put
   * back, another server has taken over. Never used twice.
   */
  history: string
  /** Raised by every write that matters to authentication, in that write's own transaction. A whole number from 0. */
  epoch: number
}

/** What a write knows of the fleet from its own transaction: enough to wait, should the store fail right after it. */
export interface FleetReach {
  /** Milliseconds: at least the longest `holds` of any instance that may have missed the write. */
  holds: number
  instances: number
}

/** What a confirmation needs to know of a write. Each write of a store answers it, beside its record. */
export interface WriteMark {
  epoch: number
  /** The history that the write was made in. A confirmation counts within it alone. Absent: that of the first answer. */
  history?: string | undefined
  reach?: FleetReach | undefined
}

/** Where the store stands, as every answer of the fleet says it. */
export interface Standing {
  position: Position
  /**
   * A random word kept beside the rows of the fleet, in the same fate: another one whenever rows vanish otherwise than by
   * `leave` or `reap`.
   */
  roster: string
  /** Whether the store has noted (`settle`) that nobody lives whose row was lost before this history and this roster. */
  settled: boolean
  /** Milliseconds: at least the `holds` of every row there is, and of every one that may have been lost. */
  maxHolds: number
}

/** What an instance says of itself when it registers. */
export interface InstanceInfo {
  /** Random id. A row that was lost is replaced by one under another id. */
  instance: string
  /** For people: host name and process id. */
  label: string
  /** Milliseconds for which this instance may serve after its last proof: the lease, and the longest `staleIfError`. */
  holds: number
}

/** One row: an instance under the token that the store gave it. */
export interface Membership {
  instance: string
  session: string
}

/** The answer to a beat or an acknowledgement. */
export interface BeatAnswer extends Standing {
  /**
   * `gone`: there is no such row. `taken`: it is there under another token, so another process has this one's identity (a
   * machine that was cloned). `acknowledged` means nothing then.
   */
  member: 'member' | 'gone' | 'taken'
  /** What the row says: the last epoch whose changes the instance has dropped, -1 for none. */
  acknowledged: number
}

/** What changed after a position. */
export interface Changes {
  /** Of the same snapshot as `changed`. */
  position: Position
  /**
   * Hashes of the keys that changed after the given position up to `position`; `null` where that cannot be said: another
   * history, an epoch ahead of the store, a gap, more than is worth listing.
   */
  changed: readonly string[] | null
}

/** A row that has not acknowledged a write. */
export interface PendingRow {
  instance: string
  label: string
  holds: number
  /** -1 where nothing was acknowledged yet, or only an epoch above the store's own. */
  acknowledged: number
}

/** What a barrier reads. */
export interface FleetView extends Standing {
  /**
   * Rows whose `acknowledged` is below the epoch that was asked for, or above the store's own, which is an epoch of another
   * history. Those that have acknowledged it are not read.
   */
  pending: readonly PendingRow[]
  /** How many rows there are in all. */
  instances: number
}

/** What a link tells the membership. */
export interface LinkEvents {
  /** A push came in: something changed, up to this epoch. It makes things fast, and proves nothing. */
  onPush(epoch: number): void
  /** The connection is gone. Called at most once, never after `destroy`. */
  onLost(cause: unknown): void
}

/** One connection of a process' own, for beats and pushes. */
export interface FleetLink {
  /**
   * Adds a row with `acknowledged` -1, durable when it returns: from here on, confirmations wait for it.
   *
   * With the token of an earlier `attach` it takes that row over: under a new token and with the new `label` and `holds`.
   * `acknowledged` stays: taken back, it would make the row look like one whose instance has stopped, and it would be
   * reaped. The earlier token is good for nothing afterwards.
   *
   * @returns the new token, made by the store; `null` where the row is not there under the given token (reaped, lost, or
   *   taken over by another process that has the same identity)
   */
  attach(info: InstanceInfo, session: string | null, signal: AbortSignal): Promise<string | null>
  /** Reads where the store and the instance's row stand. Writes nothing, and touches neither keys nor tenants. */
  beat(membership: Membership, signal: AbortSignal): Promise<BeatAnswer>
  /** What changed after `known`. Writes nothing. */
  catchUp(known: Position, signal: AbortSignal): Promise<Changes>
  /**
   * Sets `acknowledged` to `known.epoch` where the row is there under this token, the history is `known.history` and its
   * epoch is not below `known.epoch`; otherwise it leaves the row alone. It must not be lost as long as history and roster
   * stay, a crash of the server included: a row that goes back would be reaped while its instance serves.
   */
  acknowledge(membership: Membership, known: Position, signal: AbortSignal): Promise<BeatAnswer>
  /** Takes the row away, where it is there under this token. */
  leave(membership: Membership, signal: AbortSignal): Promise<void>
  /** Destroys the connection without waiting for anything. Idempotent, never throws. */
  destroy(): void
}

/** What a store brings so that `Fleet` can keep the caches of several processes coherent: its statements. */
export interface FleetDriver {
  /**
   * Called before the first cache of this process joins. What it answers is called when the last one has left.
   *
   * @throws `TENANT_AUTH_BAD_OPTION` where there is no room for a connection that is kept
   */
  claim?(): () => void
  /** Connects and listens, and only then answers. Leaves nothing behind where it fails or its signal is aborted. */
  open(events: LinkEvents, signal: AbortSignal): Promise<FleetLink>
  /** Rows that have yet to acknowledge `epoch`, every registration among them that was committed before the call. */
  readFleet(epoch: number, signal: AbortSignal): Promise<FleetView>
  /**
   * Notes that the history and the roster are settled, where both are still the present ones, and takes `maxHolds` down to
   * the longest that any row has. Best effort.
   */
  settle(history: string, roster: string, signal: AbortSignal): Promise<void>
  /**
   * Takes away those of the given rows that would still be `pending` for `below.epoch`, where the history is still
   * `below.history` and the roster still the given one.
   *
   * @returns the instances whose rows were taken away
   */
  reap(
    instances: readonly string[],
    below: Position,
    roster: string,
    signal: AbortSignal,
  ): Promise<readonly string[]>
}
