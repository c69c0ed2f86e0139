/**
 * What happened in a trial, in the order of one clock. On Linux and macOS, all processes of a machine read the same
 * monotonic clock, so the times of different processes can be compared.
 */

/** Monotonic milliseconds, the same in every process of this machine. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The header in which an instance says when it decided, on the clock of `now()`. */
export const ANSWERED = 'x-answered'

/** What a key is good for. */
export interface KeyState {
  /** In the store, and not revoked. */
  good: boolean
  suspended: boolean
  /** Paused, or bound to networks that no request of a trial comes from. Default: neither. */
  paused?: boolean
  away?: boolean
  /** Whether it has the scope that the route `/scoped` requires. */
  scoped: boolean
  /** When it expires, on the clock of `now()`. */
  until: number
}

export const ABSENT: KeyState = { good: false, suspended: false, scoped: false, until: Infinity }

/** One write that affects a key. The writes of one key do not overlap. */
export interface Change {
  key: string
  /** For people. */
  what: string
  called: number
  /** When the store had certainly committed it. Missing: it may have taken effect at any time since, or never. */
  committed?: number
  /** When the call returned, which claims that the whole fleet knows of it. Missing: nothing was claimed. */
  returned?: number
  after: KeyState
}

/** One request and its answer. */
export interface Exchange {
  key: string
  instance: string
  /** Whether the route requires the scope. */
  scoped: boolean
  invoked: number
  /** When the instance says that it decided. Missing if no answer came. */
  answered?: number
  completed: number
  /** 0 if no answer came. */
  status: number
}

/** Every instance. */
export const ALL = '*'

/** A time during which an instance, or every instance, certainly could not reach the store. */
export interface Outage {
  /** Its name, or `ALL`. */
  instance: string
  from: number
  until: number
}

/** A fault, for people who read a history, and for rule 5: an instance without one must serve. */
export interface Incident {
  what: string
  /** Which instance need not serve meanwhile: its name, or `ALL`. Missing: every instance must keep serving. */
  instance?: string
  from: number
  until: number
}

export class History {
  readonly changes: Change[] = []
  readonly exchanges: Exchange[] = []
  readonly outages: Outage[] = []
  readonly incidents: Incident[] = []
}
