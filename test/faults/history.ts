/**
 * What happened in a trial, in the order of one clock. Linux and macOS give all processes of a machine the same monotonic
 * clock, so times that different processes took can be compared.
 */

/** Monotonic milliseconds, the same in every process of this machine. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** The header in which an instance says when it had made up its mind, on the clock of `now()`. */
export const ANSWERED = 'x-answered'

/** What a key is worth. */
export interface KeyState {
  /** In the store, and not revoked. */
  good: boolean
  suspended: boolean
  /** Paused, or bound to networks that no request of a trial comes from. Default: neither. */
  paused?: boolean
  away?: boolean
  /** Whether it has the scope of the route that demands one. */
  scoped: boolean
  /** The moment from which it is expired, on the clock of `now()`. */
  until: number
}

export const ABSENT: KeyState = { good: false, suspended: false, scoped: false, until: Infinity }

/** One write that concerns a key. Those of one key follow each other: none begins before the last has ended. */
export interface Change {
  key: string
  /** For people. */
  what: string
  called: number
  /** When it was certain that the store has it. Missing: it may have happened, at any time since, or not at all. */
  committed?: number
  /** When the call returned and so claimed that the whole fleet has it. Missing: nothing was claimed. */
  returned?: number
  after: KeyState
}

/** One request and its answer. */
export interface Exchange {
  key: string
  instance: string
  /** Whether the route demands the scope. */
  scoped: boolean
  invoked: number
  /** When the instance had made up its mind, by its own word. Missing where it did not say: an answer that did not come. */
  answered?: number
  completed: number
  /** 0 where no answer came. */
  status: number
}

/** Every instance. */
export const ALL = '*'

/** A time in which an instance, or each, could certainly not reach the store. */
export interface Outage {
  /** Its name, or `ALL`. */
  instance: string
  from: number
  until: number
}

/** A fault, for people who read a history, and for the rule that an instance without one serves. */
export interface Incident {
  what: string
  /** What may not serve for it: the name of an instance, or `ALL`, or nothing where each must go on serving. */
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
