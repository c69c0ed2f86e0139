/** An instance of a fleet, moved by hand: it beats when a test says so, and never by itself. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import type {
  Beat,
  CoherentKeyStore,
  FleetCoherence,
  FleetLink,
  Position,
} from '../../stores/coherent-key-store.ts'

/** Milliseconds for which a member may serve, where a test is not about the end of it. */
const LONG = 60_000

export interface MemberOptions {
  instance?: string
  holds?: number
  register?: boolean
}

export interface Member {
  instance: string
  link: FleetLink
  register(): Promise<void>
  beat(known: Position | null): Promise<Beat>
  /** The position, acknowledging nothing. */
  read(): Promise<Position>
  /** Reads the position and acknowledges it. */
  catchUp(): Promise<Position>
  leave(): Promise<void>
}

/** A time limit that no working store exceeds. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(20_000)
}

/** Connects, and registers unless told otherwise; takes everything back at the end of the test. */
export async function join(
  t: TestContext,
  store: CoherentKeyStore,
  { instance = randomUUID(), holds = LONG, register = true }: MemberOptions = {},
): Promise<Member> {
  const coherence = fleetOf(store)
  const events = { onPush: () => {}, onOwnWrite: () => {}, onLost: () => {} }
  const link = await coherence.connect(events, soon())
  t.after(async () => {
    link.destroy()
    const last = await coherence.connect(events, soon())
    await last.leave(instance, soon())
    last.destroy()
  })

  const member: Member = {
    instance,
    link,
    register: () => link.register({ instance, label: 'contract', holds }, soon()),
    beat: (known) => link.beat(instance, known, soon()),
    read: async () => (await member.beat(null)).position,
    catchUp: async () => {
      const position = await member.read()
      await member.beat(position)
      return position
    },
    leave: () => link.leave(instance, soon()),
  }
  if (register) await member.register()
  return member
}

export function fleetOf({ coherence }: CoherentKeyStore): FleetCoherence {
  if (coherence.kind !== 'fleet') assert.fail(`the store's coherence is of kind ${coherence.kind}`)
  return coherence
}
