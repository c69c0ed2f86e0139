/** Lease and heartbeat of the fleet, which live in the database: instances that differ cannot confirm anything. */
import { TenantAuthError } from '../../http/errors.ts'
import type { FleetWatch } from '../../coherence/fleet-watch.ts'
import { type Fleet, only, type Settings } from './rows.ts'
import type { Session } from './session.ts'
import type { Statements } from './statements.ts'

/**
 * Sees to it that the fleet has these settings. One with others must be empty to take them: rows of instances that are
 * dead for certain are taken away first, however long it takes to be certain.
 *
 * @throws `TENANT_AUTH_FLEET_MISMATCH` as soon as an instance with other settings is seen to live
 */
export async function settle(
  session: Session,
  { adoptSettings, fleet, reap }: Statements,
  ours: Settings,
  watch: FleetWatch,
  signal: AbortSignal,
): Promise<void> {
  const read = async (signal: AbortSignal) => only(await session.query(fleet, [], signal)) as Fleet
  let theirs = await read(signal)
  while (!agree(theirs, ours)) {
    const others = await watch.untilSettled({
      // Settings and rows of one moment: of instances that start together, another may bring the same settings first.
      readMembers: async (signal) => {
        theirs = await read(signal)
        return agree(theirs, ours) ? [] : theirs.members
      },
      reap: async (dead, signal) => {
        await session.query(reap, [JSON.stringify(dead)], signal)
      },
      signal,
    })
    if (others.length > 0) throw mismatch(ours, theirs)
    // Does nothing where somebody has joined since.
    await session.query(adoptSettings, [ours.lease, ours.heartbeat], signal)
    theirs = await read(signal)
  }
}

function agree(theirs: Settings, ours: Settings): boolean {
  return theirs.lease === ours.lease && theirs.heartbeat === ours.heartbeat
}

export function mismatch(ours: Settings, theirs: Fleet): TenantAuthError {
  const labels = theirs.members.map(({ label }) => label).join(', ')
  return new TenantAuthError(
    'TENANT_AUTH_FLEET_MISMATCH',
    `This instance has ${words(ours)}, but the fleet has ${words(theirs)} (${labels}). ` +
      'Give all instances the same, or stop the others first',
  )
}

function words({ lease, heartbeat }: Settings): string {
  return `lease ${lease} ms and heartbeat ${heartbeat} ms`
}
