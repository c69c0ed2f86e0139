/** The fleet protocol on PostgreSQL: one connection per link for heartbeats and NOTIFY, and the barrier. */
import { badOption, TenantAuthError } from '../../http/errors.ts'
import { awaitFleet, POLL_LIMIT } from '../../coherence/fleet-barrier.ts'
import { checkFleetTimes } from '../../coherence/fleet-times.ts'
import { FleetWatch } from '../../coherence/fleet-watch.ts'
import type { Confirmation, FleetCoherence, FleetLink, FleetLinkEvents } from '../coherent-key-store.ts'
import { SharedRead } from '../../coherence/shared-read.ts'
import { failure } from './failures.ts'
import { PostgresLink } from './link.ts'
import { type PostgresPool, runOnce } from './pool.ts'
import { type Fleet, type Member, only, type Reach } from './rows.ts'
import { openSession, type Session } from './session.ts'
import { settle } from './settings.ts'
import type { Statements } from './statements.ts'

export interface PostgresCoherenceOptions {
  pool: PostgresPool
  schema: string
  statements: Statements
  lease: number
  heartbeat: number
}

export class PostgresCoherence implements FleetCoherence {
  readonly kind = 'fleet'
  readonly lease: number
  readonly heartbeat: number
  readonly #options: PostgresCoherenceOptions
  /** Those of this process, and those about to be: they learn of its writes without a round trip. */
  readonly #links = new Set<FleetLinkEvents>()
  readonly #watch = new FleetWatch()
  readonly #fleet: SharedRead<Fleet>
  #lastWrite: { epoch: number; reach: Reach } | undefined

  constructor(options: PostgresCoherenceOptions) {
    const { pool, statements, lease, heartbeat } = options
    checkFleetTimes(options)
    this.lease = lease
    this.heartbeat = heartbeat
    this.#options = options
    this.#fleet = new SharedRead(
      async () => only(await runOnce(pool, statements.fleet, [], AbortSignal.timeout(POLL_LIMIT))) as Fleet,
    )
  }

  /** Tells this process' links of a write, and keeps in mind how far it has to reach. */
  wrote(epoch: number, reach: Reach): void {
    const last = this.#lastWrite
    // Answers may come in another order than the writes.
    if (last === undefined || epoch > last.epoch || reach.history !== last.reach.history) {
      this.#lastWrite = { epoch, reach }
    }
    // A database without connections to lend is this process' own: no push but this one will ever come.
    const isAlone = this.#options.pool.connect === undefined
    for (const events of this.#links) {
      if (isAlone) events.onPush(epoch)
      else events.onOwnWrite(epoch)
    }
  }

  async connect(events: FleetLinkEvents, signal: AbortSignal): Promise<FleetLink> {
    const { schema, statements } = this.#options
    this.#claimConnection(events)
    const session = await this.#open(events, signal)
    const onDestroy = () => this.#links.delete(events)
    const link = new PostgresLink({ session, statements, schema, settings: this, onDestroy })
    try {
      await link.run(() => settle(session, statements, this, this.#watch, signal), signal)
      return link
    } catch (error) {
      link.destroy()
      throw error
    }
  }

  /**
   * From here on, until the link is gone, one connection is out of the pool.
   *
   * @throws `TENANT_AUTH_BAD_OPTION` where none would be left for look-ups: they would wait for one for ever
   */
  #claimConnection(events: FleetLinkEvents): void {
    const { pool } = this.#options
    const needed = this.#links.size + 2
    if (pool.connect !== undefined && (pool.options?.max ?? needed) < needed) {
      throw badOption(
        'pool',
        `a pool whose max is ${needed} or more: each tenantAuth on it keeps one connection to itself`,
      )
    }
    this.#links.add(events)
  }

  async #open(events: FleetLinkEvents, signal: AbortSignal): Promise<Session> {
    const { pool, schema } = this.#options
    const onPayload = (payload: string) => {
      const [first, ...rest] = payload.split(' ')
      const epoch = Number(first)
      if (rest.join(' ') === schema && Number.isSafeInteger(epoch)) events.onPush(epoch)
    }
    const onLost = (cause: unknown) => {
      this.#links.delete(events)
      events.onLost(cause)
    }
    try {
      return await openSession(pool, { onPayload, onLost }, signal)
    } catch (error) {
      this.#links.delete(events)
      throw signal.aborted ? error : failure(error, schema)
    }
  }

  async confirm(epoch: number): Promise<Confirmation> {
    const { pool, statements } = this.#options
    // What a later write had to reach is no less than what an earlier one had.
    const reach =
      this.#lastWrite !== undefined && this.#lastWrite.epoch >= epoch ? this.#lastWrite.reach : undefined
    let lost = false
    const confirmation = await awaitFleet({
      epoch,
      readMembers: async () => {
        const fleet = await this.#fleet.read()
        lost ||= fleet.epoch < epoch || (reach !== undefined && fleet.history !== reach.history)
        return lost ? [] : fleet.members.map((member) => inThisCount(member, fleet.epoch))
      },
      reap: async (members, signal) => {
        await runOnce(pool, statements.reap, [JSON.stringify(members)], signal)
      },
      reach,
      giveUpAfter: this.lease,
    })
    if (lost) {
      throw new TenantAuthError(
        'KEY_STORE_UNAVAILABLE',
        'The database went over to another server or an earlier state, and may have lost the write: repeat it',
      )
    }
    return confirmation
  }
}

/**
 * Where somebody has turned the epoch back, a heartbeat that was under way may still acknowledge one of the old count. The
 * instance's next heartbeat finds out.
 */
function inThisCount(member: Member, epoch: number): Member {
  return member.acknowledged > epoch ? { ...member, acknowledged: -1 } : member
}
