/** One instance's connection to the fleet. */
import { TenantAuthError } from '../../http/errors.ts'
import type { Beat, FleetLink, FleetMemberInfo, Position } from '../coherent-key-store.ts'
import { failure } from './failures.ts'
import { type BeatAnswer, type Fleet, only, type Settings } from './rows.ts'
import type { Session } from './session.ts'
import { mismatch } from './settings.ts'
import type { Statements } from './statements.ts'

export interface PostgresLinkOptions {
  session: Session
  statements: Statements
  schema: string
  settings: Settings
  onDestroy: () => void
}

export class PostgresLink implements FleetLink {
  readonly #options: PostgresLinkOptions

  constructor(options: PostgresLinkOptions) {
    this.#options = options
  }

  async register({ instance, label, holds }: FleetMemberInfo, signal: AbortSignal): Promise<void> {
    const { settings, statements } = this.#options
    const values = [instance, label, holds, settings.lease, settings.heartbeat]
    if ((await this.#ask(statements.register, values, signal)) as boolean) return
    throw mismatch(settings, (await this.#ask(statements.fleet, [], signal)) as Fleet)
  }

  async beat(instance: string, known: Position | null, signal: AbortSignal): Promise<Beat> {
    const values = [instance, known?.epoch ?? null, known?.tag ?? null]
    const answer = (await this.#ask(this.#options.statements.beat, values, signal)) as BeatAnswer
    const { member, epoch, tag, changed } = answer
    return { member, position: { epoch, tag }, changed }
  }

  async leave(instance: string, signal: AbortSignal): Promise<void> {
    const { leave } = this.#options.statements
    await this.run((session) => session.query(leave, [instance], signal), signal)
  }

  destroy(): void {
    this.#options.onDestroy()
    this.#options.session.destroy()
  }

  /** Whatever fails, fails with an error of this package, or with the reason of the signal. */
  async run<Answer>(work: (session: Session) => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
    try {
      return await work(this.#options.session)
    } catch (error) {
      throw signal.aborted || error instanceof TenantAuthError ? error : failure(error, this.#options.schema)
    }
  }

  #ask(text: string, values: unknown[], signal: AbortSignal): Promise<unknown> {
    return this.run(async (session) => only(await session.query(text, values, signal)), signal)
  }
}
