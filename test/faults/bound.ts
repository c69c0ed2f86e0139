/** For how long after a commit what it replaced may be served. */
import { CLOCK_TOLERANCE } from '../../src/stores/key-store.ts'

/** Clocks of two machines run at rates that differ by less than this. */
const RATE_TOLERANCE = 0.01

/** Milliseconds. */
export function boundOf(lease: number): number {
  return lease * (1 + RATE_TOLERANCE) + CLOCK_TOLERANCE
}
