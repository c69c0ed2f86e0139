/**
 * For how long after a commit what it replaced may be served.
 *
 * All processes of a trial run on one machine and read one clock, so the tolerances that the product allows for clocks
 * that run at different rates are not due here. Nor where a wall clock is moved: that voids a lease, and extends none.
 */

/** Milliseconds by which the moments in a history are taken sooner or later than what they stand for. */
export const CLOCK_SLACK = 3

/** Milliseconds. */
export function boundOf(lease: number): number {
  return lease + CLOCK_SLACK
}
