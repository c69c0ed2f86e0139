/** An instance of a fleet that a test controls: it beats when the test says so, and never by itself. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { BeatAnswer, Changes, FleetDriver, FleetLink, Position } from '../../coherence/driver.ts'
import type { CoherentKeyStore, FleetCoherence } from '../../stores/coherent-key-store.ts'

/** How many milliseconds a member may serve, unless a test waits for the end of that time. */
const LONG = 60_000

export interface MemberOptions {
  instance?: string
  holds?: number
}

export interface Member {
  instance: string
  link: FleetLink
  /** The token of its row. */
  session: string
  beat(): Promise<BeatAnswer>
  catchUp(known: Position): Promise<Changes>
  acknowledge(known: Position): Promise<BeatAnswer>
  /** Reads the position and acknowledges it. */
  follow(): Promise<Position>
  leave(): Promise<void>
}

/** A time limit that no working store exceeds. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(20_000)
}

export const NO_EVENTS = { onPush: () => {}, onLost: () => {} }

/** Connects and registers an instance, and undoes both at the end of the test. */
export async function join(
  atEnd: (undo: () => Promise<void>) => void,
  store: CoherentKeyStore,
  { instance = randomUUID(), holds = LONG }: MemberOptions = {},
): Promise<Member> {
  const link = await driverOf(store).open(NO_EVENTS, soon())
  const session = await link.attach({ instance, label: 'contract', holds }, null, soon())
  if (session === null) assert.fail('an instance under a new id must be registered')
  const member: Member = {
    instance,
    link,
    session,
    beat: () => link.beat(of(member), soon()),
    catchUp: (known) => link.catchUp(known, soon()),
    acknowledge: (known) => link.acknowledge(of(member), known, soon()),
    follow: async () => {
      const { position } = await member.beat()
      await member.acknowledge(position)
      return position
    },
    leave: () => link.leave(of(member), soon()),
  }
  atEnd(async () => {
    link.destroy()
    const last = await driverOf(store).open(NO_EVENTS, soon())
    await last.leave(of(member), soon())
    last.destroy()
  })
  return member
}

export function of({ instance, session }: Member) {
  return { instance, session }
}

export function fleetOf({ coherence }: CoherentKeyStore): FleetCoherence {
  if (coherence.kind !== 'fleet') assert.fail(`the store's coherence is of kind ${coherence.kind}`)
  return coherence
}

export function driverOf(store: CoherentKeyStore): FleetDriver {
  return fleetOf(store).driver
}

/** Tells the store that no instance has lost its row, because the tests have the fleet to themselves. */
export async function settle(store: CoherentKeyStore): Promise<void> {
  const { position, roster } = await driverOf(store).readFleet(0, soon())
  await driverOf(store).settle(position.history, roster, soon())
}
