/** What the statements of the fleet answer: one column, JSON as text. */
import type { FleetMember, FleetReach } from '../../coherence/fleet-barrier.ts'
import type { Position } from '../coherent-key-store.ts'

export interface Settings {
  lease: number
  heartbeat: number
}

export interface Member extends FleetMember {
  label: string
}

/** Everything about the fleet, of one moment. */
export interface Fleet extends Settings {
  epoch: number
  /** Another one after a failover, or after the tables were put back. */
  history: string
  members: Member[]
}

/** What a write knows of the fleet from its own transaction. */
export interface Reach extends FleetReach {
  history: string
}

export interface BeatAnswer extends Position {
  member: boolean
  changed: string[] | null
}

/** The answer of a statement that has exactly one. */
export function only(rows: object[]): unknown {
  const [first] = rows as { row: string }[]
  // What can be missing is the one row of coherence.
  if (first === undefined) throw new Error('the row of coherence is missing')
  return JSON.parse(first.row)
}
