/** The fleet's driver on PostgreSQL: one connection for beats and NOTIFY, any connection for the barrier. */
import type {
  BeatAnswer,
  Changes,
  FleetDriver,
  FleetLink,
  FleetView,
  InstanceInfo,
  LinkEvents,
  Membership,
  Position,
  Standing,
} from '../../coherence/driver.ts'
import { badOption } from '../../http/errors.ts'
import type { Borrower } from './borrow.ts'
import { NotSentError } from './errors.ts'
import { failure, isNotMigrated } from './failures.ts'
import type { PostgresPool } from './pool.ts'
import { CHANNEL } from './schema.ts'
import { openSession, type Session } from './session.ts'
import type { Statements } from './statements.ts'

export interface PostgresDriverOptions {
  pool: PostgresPool
  borrower: Borrower
  schema: string
  statements: Statements
}

/** An answer as statements return it: its position is flat. */
type Flat<Answer extends { position: Position }> = Omit<Answer, 'position'> & Position

/** Pools → how many of their connections links keep. */
const kept = new WeakMap<PostgresPool, number>()

export class PostgresDriver implements FleetDriver {
  readonly #options: PostgresDriverOptions
  /** The links of this process that are open or being opened. */
  readonly #links = new Set<LinkEvents>()

  constructor(options: PostgresDriverOptions) {
    this.#options = options
  }

  /**
   * Reserves one connection of the pool, until the returned function is called.
   *
   * @throws `TENANT_AUTH_BAD_OPTION` if that leaves none for look-ups, which would wait for one forever
   */
  claim(): () => void {
    const { pool } = this.#options
    if (pool.connect === undefined) return () => {}
    const taken = kept.get(pool) ?? 0
    const needed = taken + 2
    if ((pool.options?.max ?? needed) < needed) {
      throw badOption(
        'pool',
        `a pool whose max is ${needed} or more: heartbeats keep one connection of it, for each store`,
      )
    }
    kept.set(pool, taken + 1)
    return () => void kept.set(pool, (kept.get(pool) ?? 1) - 1)
  }

  async open(events: LinkEvents, signal: AbortSignal): Promise<FleetLink> {
    signal.throwIfAborted()
    const { pool, schema, statements } = this.#options
    // Any number of the connections that were idle may be unusable.
    const most = pool.connect === undefined ? 1 : (pool.options?.max ?? 10) + 1
    this.#links.add(events)
    const handlers = {
      onPayload: (payload: string) => this.#onPayload(payload, events),
      onLost: (cause: unknown) => {
        this.#links.delete(events)
        events.onLost(cause)
      },
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const session = await openSession(pool, statements.probe, handlers, signal)
        return new PostgresLink(session, statements, schema, () => this.#links.delete(events))
      } catch (error) {
        const isFinal = signal.aborted || error instanceof NotSentError || isNotMigrated(error)
        if (attempt < most && !isFinal) continue
        this.#links.delete(events)
        throw signal.aborted ? error : failure(error, schema)
      }
    }
  }

  #onPayload(payload: string, events: LinkEvents): void {
    const [first, ...rest] = payload.split(' ')
    const epoch = Number(first)
    if (rest.join(' ') === this.#options.schema && Number.isSafeInteger(epoch)) events.onPush(epoch)
  }

  /**
   * Announces a write of this process. If the write's own transaction could not push, this pushes now, and may fail.
   *
   * @param quiet whether the triggers have left NOTIFY out
   */
  wrote(epoch: number, quiet: boolean): void {
    const { pool, borrower, statements, schema } = this.#options
    if (pool.connect === undefined) {
      // A database that lends no connections belongs to this process alone: no other push will ever come.
      for (const events of this.#links) events.onPush(epoch)
    } else if (quiet) {
      const statement = { text: statements.notify, values: [CHANNEL, `${epoch} ${schema}`] }
      borrower.run(statement, AbortSignal.timeout(1_000)).catch(() => {})
    }
  }

  async readFleet(epoch: number, signal: AbortSignal): Promise<FleetView> {
    const [view] = await this.#run<Flat<FleetView>>(this.#options.statements.readFleet, [epoch], signal)
    return standing(view)
  }

  async settle(history: string, roster: string, signal: AbortSignal): Promise<void> {
    await this.#run(this.#options.statements.settle, [history, roster], signal)
  }

  async reap(
    instances: readonly string[],
    { epoch, history }: Position,
    roster: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return this.#run<string>(this.#options.statements.reap, [instances, epoch, history, roster], signal)
  }

  async #run<Answer>(text: string, values: unknown[], signal: AbortSignal): Promise<Answer[]> {
    const { borrower, schema } = this.#options
    try {
      return parsed<Answer>((await borrower.run({ text, values }, signal)).rows)
    } catch (error) {
      throw signal.aborted ? error : failure(error, schema)
    }
  }
}

class PostgresLink implements FleetLink {
  readonly #session: Session
  readonly #statements: Statements
  readonly #schema: string
  readonly #onDestroy: () => void

  constructor(session: Session, statements: Statements, schema: string, onDestroy: () => void) {
    this.#session = session
    this.#statements = statements
    this.#schema = schema
    this.#onDestroy = onDestroy
  }

  async attach({ instance, label, holds }: InstanceInfo, session: string | null, signal: AbortSignal) {
    return this.#ask<string | null>(this.#statements.attach, [instance, label, holds, session], signal)
  }

  async beat({ instance, session }: Membership, signal: AbortSignal): Promise<BeatAnswer> {
    return standing(await this.#ask<Flat<BeatAnswer>>(this.#statements.beat, [instance, session], signal))
  }

  async catchUp({ epoch, history }: Position, signal: AbortSignal): Promise<Changes> {
    return standing(await this.#ask<Flat<Changes>>(this.#statements.catchUp, [epoch, history], signal))
  }

  async acknowledge({ instance, session }: Membership, { epoch, history }: Position, signal: AbortSignal) {
    const values = [instance, session, epoch, history]
    return standing(await this.#ask<Flat<BeatAnswer>>(this.#statements.acknowledge, values, signal))
  }

  async leave({ instance, session }: Membership, signal: AbortSignal): Promise<void> {
    await this.#query(this.#statements.leave, [instance, session], signal)
  }

  destroy(): void {
    this.#onDestroy()
    this.#session.destroy()
  }

  async #ask<Answer>(text: string, values: unknown[], signal: AbortSignal): Promise<Answer> {
    const rows = (await this.#query(text, values, signal)) as { row: string }[]
    return present(rows[0] && (JSON.parse(rows[0].row) as Answer))
  }

  /** Fails only with an error of this package, or with the reason of the signal. */
  async #query(text: string, values: unknown[], signal: AbortSignal): Promise<object[]> {
    try {
      return await this.#session.query(text, values, signal)
    } catch (error) {
      throw signal.aborted ? error : failure(error, this.#schema)
    }
  }
}

/** Parses the answers of statements: one column, JSON as text. Leaves out what is `null`. */
export function parsed<Answer>(rows: readonly object[]): Answer[] {
  return (rows as { row?: string | null }[]).flatMap(({ row }) =>
    row === null || row === undefined ? [] : [JSON.parse(row) as Answer],
  )
}

function standing<Answer extends Flat<Standing> | Flat<Changes>>(answer: Answer | null | undefined) {
  const { history, epoch, ...rest } = present(answer ?? undefined)
  return { ...rest, position: { history, epoch } }
}

function present<Answer>(answer: Answer | undefined): Answer {
  if (answer === undefined) throw new Error('a row of coherence or fleet is missing')
  return answer
}
