/** Opens the connection for heartbeats and pushes within a time limit, without leaking one that comes too late. */
import type { Clock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'
import type { FleetDriver, FleetLink } from './driver.ts'

export interface ConnectionEvents {
  onPush(epoch: number): void
  /** A connection that `connect` has returned was lost. */
  onLost(link: FleetLink, cause: unknown): void
}

/** Milliseconds for one attempt. */
const LIMIT = 5_000

/** @throws also if the connection was lost while it was being opened */
export async function connect(
  driver: FleetDriver,
  clock: Clock,
  cancelled: AbortSignal,
  events: ConnectionEvents,
): Promise<FleetLink> {
  let handedOut: FleetLink | undefined
  let lost: { cause: unknown } | undefined
  const onLost = (cause: unknown) => {
    lost = { cause }
    if (handedOut !== undefined) events.onLost(handedOut, cause)
  }
  const opening: { link?: FleetLink } = {}
  try {
    const link = await withTimeLimit(
      clock,
      LIMIT,
      async (signal) => {
        const link = await driver.open({ onPush: (epoch) => events.onPush(epoch), onLost }, signal)
        opening.link = link
        if (signal.aborted) link.destroy() // Too late: the caller has given up.
        return link
      },
      cancelled,
    )
    if (lost !== undefined) throw lost.cause
    handedOut = link
    return link
  } catch (error) {
    opening.link?.destroy()
    throw error
  }
}
