/** Makes the connection for heartbeats and pushes, within a time limit, and leaves none behind that nobody holds. */
import type { FleetCoherence, FleetLink } from '../stores/coherent-key-store.ts'
import type { Clock } from '../lib/clock.ts'
import { withTimeLimit } from '../lib/time-limit.ts'

export interface ConnectionEvents {
  onPush(epoch: number): void
  /** This process wrote. */
  onOwnWrite(epoch: number): void
  /** A connection that was handed out is gone. */
  onLost(link: FleetLink, cause: unknown): void
}

/**
 * Milliseconds for one attempt. Whatever takes longer must remember over attempts how far it has come, as a store does
 * that watches whether instances with other settings live.
 */
const LIMIT = 5_000

/** @throws also where the connection was lost while it was made */
export async function connect(
  coherence: FleetCoherence,
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
  const link = await withTimeLimit(
    clock,
    LIMIT,
    async (signal) => {
      const made = await coherence.connect(
        {
          onPush: (epoch) => events.onPush(epoch),
          onOwnWrite: (epoch) => events.onOwnWrite(epoch),
          onLost,
        },
        signal,
      )
      if (signal.aborted) made.destroy() // Too late: nobody waits for it any more.
      return made
    },
    cancelled,
  )
  if (lost !== undefined) throw lost.cause
  handedOut = link
  return link
}
