/** Lease and heartbeat of a store that several processes share: the same bounds, whichever store it is. */
import { badOption } from '../http/errors.ts'

/** Milliseconds. */
export interface FleetTimes {
  lease: number
  heartbeat: number
}

/**
 * The upper bound of the lease keeps `holds` within what a timer takes. At least one heartbeat may be lost.
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
