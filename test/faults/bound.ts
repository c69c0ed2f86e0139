/**
 * How long after a commit the earlier state may still be served.
 *
 * All processes of a trial run on one machine and read one clock, so the tolerance for clocks that run at different
 * rates does not apply here. Moving a wall clock needs no tolerance either: it voids a lease, and extends none.
 */

/** Milliseconds by which a time in a history may be earlier or later than the event. */
export const CLOCK_SLACK = 3

/** Milliseconds. */
export function boundOf(lease: number): number {
  return lease + CLOCK_SLACK
}
