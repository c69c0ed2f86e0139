/** The bounds of lease and heartbeat, the same for every store, and how long to wait for a lease to end. */
import { badOption } from '../http/errors.ts'
import type { Option } from '../lib/options.ts'

/**
 * Milliseconds by which an instance's wall and monotonic clocks may drift apart before it voids its lease, because the
 * machine may have been suspended. A wait for a lease to end is that much longer.
 */
export const CLOCK_TOLERANCE = 50
/**
 * By what factor two machines' clocks may differ in rate. An NTP client slews a clock by up to 8.3 % (chrony's
 * default), one machine's faster and the other's slower: 1.083 / 0.917 = 1.18.
 */
const RATE_TOLERANCE = 1.2

/** Milliseconds to wait until an instance that may serve for `holds` milliseconds has certainly stopped. */
export function patience(holds: number): number {
  return holds * RATE_TOLERANCE + CLOCK_TOLERANCE
}

/** Milliseconds. */
export interface FleetTimes {
  lease: number
  heartbeat: number
}

/** The options of every store that has a fleet. `Fleet` checks their values. */
export const FLEET_TIMES = { lease: given(2_000), heartbeat: given(500) }

function given(fallback: number): Option<number> {
  return (value) => (value === undefined ? fallback : (value as number))
}

/**
 * The upper bound of the lease keeps it within what a timer takes. The heartbeat is at most half of the lease, so that
 * one heartbeat may be lost.
 *
 * @throws `TENANT_AUTH_BAD_OPTION`
 */
export function checkFleetTimes({ lease, heartbeat }: FleetTimes): void {
  if (!isWhole(lease, 100, 600_000)) throw badOption('lease', 'a whole number of milliseconds, 100 to 600000')
  if (!isWhole(heartbeat, 10, lease / 2)) {
    throw badOption('heartbeat', 'a whole number of milliseconds, at least 10 and at most half of lease')
  }
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}
