/**
 * The driver: what a store that several processes share implements for the fleet protocol. The protocol itself, with
 * its clocks, retries and waits, is written once for all drivers (`fleet.ts`). `coherenceContract` tests a driver.
 *
 * Rules for every method:
 * - It asks the primary, in one atomic step (one statement, one script), and its answer comes from one snapshot that is
 *   younger than the call. If it cannot prove that, it throws.
 * - It retries nothing that may have taken effect and keeps no time limit of its own: it rejects as soon as its signal
 *   is aborted.
 * - An error says whether anything took effect, as far as that is known (`TenantAuthError` with its `effect`).
 */

/** A point in the changes of a store. */
export interface Position {
  /**
   * Names one line of changes. It changes whenever the store can no longer answer for the past: data was lost or
   * restored, or another server took over. Never used twice.
   */
  history: string
  /** Raised by every write that matters to authentication, in that write's own transaction. A whole number from 0. */
  epoch: number
}

/** What a write learns about the fleet in its own transaction: enough to wait if the store fails right after it. */
export interface FleetReach {
  /** Milliseconds: at least the longest `holds` of any instance that may have missed the write. */
  holds: number
  instances: number
}

/** What a confirmation needs to know about a write. Each write of a store returns it beside its record. */
export interface WriteMark {
  epoch: number
  /** The history of the write. A confirmation is valid only within it. Default: the history of the first answer. */
  history?: string | undefined
  reach?: FleetReach | undefined
}

/** Where the store stands, as part of every answer about the fleet. */
export interface Standing {
  position: Position
  /**
   * A random word that shares the fate of the fleet's rows: it changes whenever rows vanish other than by `leave` or
   * `reap`.
   */
  roster: string
  /** Whether the store has noted (`settle`) that no instance is left that lost its row before this history and roster. */
  settled: boolean
  /** Milliseconds: at least the `holds` of every row, and of every row that may have been lost. */
  maxHolds: number
}

/** What an instance tells the store when it registers. */
export interface InstanceInfo {
  /** Random id. An instance that lost its row registers again under another id. */
  instance: string
  /** For people: host name and process id. */
  label: string
  /** Milliseconds for which this instance may serve after its last proof: the lease plus the longest `staleIfError`. */
  holds: number
}

/** One row: an instance and the token that the store gave it. */
export interface Membership {
  instance: string
  session: string
}

/** The answer to a beat or an acknowledgement. */
export interface BeatAnswer extends Standing {
  /**
   * `gone`: there is no such row. `taken`: the row has another token, so another process has this one's identity (a
   * cloned machine). In both cases `acknowledged` means nothing.
   */
  member: 'member' | 'gone' | 'taken'
  /** From the row: the last epoch whose changes the instance has dropped, -1 for none. */
  acknowledged: number
}

/** What changed after a position. */
export interface Changes {
  /** From the same snapshot as `changed`. */
  position: Position
  /**
   * Hashes of the keys that changed after the given position, up to `position`. `null` if the store cannot tell:
   * another history, an epoch ahead of the store, a gap, or more than is worth listing.
   */
  changed: readonly string[] | null
}

/** A row that has not acknowledged a write. */
export interface PendingRow {
  instance: string
  label: string
  holds: number
  /** -1 if it has acknowledged nothing yet, or only an epoch above the store's own. */
  acknowledged: number
}

/** What a barrier reads. */
export interface FleetView extends Standing {
  /**
   * Rows whose `acknowledged` is below the requested epoch, or above the store's own, which is an epoch of another
   * history. Rows that have acknowledged the requested epoch are not read.
   */
  pending: readonly PendingRow[]
  /** How many rows there are in all. */
  instances: number
}

/** What a link reports to the membership. */
export interface LinkEvents {
  /** A push arrived: something changed, up to this epoch. It makes things fast, and proves nothing. */
  onPush(epoch: number): void
  /** The connection was lost. Called at most once, never after `destroy`. */
  onLost(cause: unknown): void
}

/** A connection that one process uses only for beats and pushes. */
export interface FleetLink {
  /**
   * Adds a row with `acknowledged` -1. The row is durable when this returns: from then on, confirmations wait for it.
   *
   * With the token of an earlier `attach`, takes that row over, with a new token and the new `label` and `holds`.
   * `acknowledged` stays: if it went back, the row would look like that of a stopped instance, and would be reaped. The
   * earlier token is no longer valid.
   *
   * @returns the new token, made by the store; `null` if there is no row under the given token (reaped, lost, or taken
   *   over by another process with the same identity)
   */
  attach(info: InstanceInfo, session: string | null, signal: AbortSignal): Promise<string | null>
  /** Reads where the store and the instance's row stand. Writes nothing, and touches neither keys nor tenants. */
  beat(membership: Membership, signal: AbortSignal): Promise<BeatAnswer>
  /** Reads what changed after `known`. Writes nothing. */
  catchUp(known: Position, signal: AbortSignal): Promise<Changes>
  /**
   * Sets `acknowledged` to `known.epoch` if the row exists under this token, the history is `known.history` and its
   * epoch is not below `known.epoch`. Otherwise leaves the row alone. The new value must survive as long as history
   * and roster stay, even a crash of the server: a row that went back would be reaped while its instance serves.
   */
  acknowledge(membership: Membership, known: Position, signal: AbortSignal): Promise<BeatAnswer>
  /** Deletes the row, if it exists under this token. */
  leave(membership: Membership, signal: AbortSignal): Promise<void>
  /** Destroys the connection without waiting for anything. Idempotent, never throws. */
  destroy(): void
}

/** What a store implements so that `Fleet` can keep the caches of several processes coherent: its statements. */
export interface FleetDriver {
  /**
   * Called before the first cache of this process joins. The function that it returns is called when the last one has
   * left.
   *
   * @throws `TENANT_AUTH_BAD_OPTION` if there is no room for a connection that stays open
   */
  claim?(): () => void
  /** Connects and listens, and only then returns. Leaves nothing behind if it fails or its signal is aborted. */
  open(events: LinkEvents, signal: AbortSignal): Promise<FleetLink>
  /** Reads the rows that have yet to acknowledge `epoch`, including every registration committed before the call. */
  readFleet(epoch: number, signal: AbortSignal): Promise<FleetView>
  /**
   * Notes that the history and the roster are settled, if both are still current, and lowers `maxHolds` to the longest
   * `holds` of any row. Best effort.
   */
  settle(history: string, roster: string, signal: AbortSignal): Promise<void>
  /**
   * Deletes those of the given rows that would still be `pending` for `below.epoch`, if the history is still
   * `below.history` and the roster still the given one.
   *
   * @returns the instances whose rows were deleted
   */
  reap(
    instances: readonly string[],
    below: Position,
    roster: string,
    signal: AbortSignal,
  ): Promise<readonly string[]>
}
