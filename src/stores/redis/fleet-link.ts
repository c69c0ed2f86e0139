/**
 * An instance's own two connections to Redis: one for heartbeats, one for pushes, because a connection that subscribes
 * can do nothing else under RESP2.
 */
import { randomInt } from 'node:crypto'
import { TenantAuthError } from '../../http/errors.ts'
import type { Beat, FleetLink, FleetLinkEvents, FleetMemberInfo, Position } from '../coherent-key-store.ts'
import { type OwnConnection, type RedisConnection, untilAborted } from './connection.ts'
import { BEAT, LEAVE, REGISTER } from './fleet-scripts.ts'
import type { HistoryWatch } from './history.ts'
import type { ScriptRunner } from './script.ts'

export interface RedisFleetLinkOptions {
  connection: RedisConnection
  events: FleetLinkEvents
  history: HistoryWatch
  lease: number
  heartbeat: number
  channel: string
  /** A runner of scripts on a connection. */
  runnerOn: (connection: OwnConnection) => ScriptRunner
  onDestroyed(): void
}

/** The beats of a row start below this, as far from the end of exact integers as no row ever comes. */
const FIRST_BEATS = 2 ** 47

const PUSHES_SILENT = 'The connection for pushes did not answer until the next heartbeat'

export class RedisFleetLink implements FleetLink {
  readonly #options: RedisFleetLinkOptions
  readonly #commands: OwnConnection
  readonly #pushes: OwnConnection
  readonly #runner: ScriptRunner
  #tag: string | undefined
  #askedPushesAt: number | undefined
  #over = false

  constructor(options: RedisFleetLinkOptions) {
    this.#options = options
    const onLost = (cause: unknown) => this.#lose(cause)
    this.#commands = options.connection.open(onLost)
    this.#pushes = options.connection.open(onLost)
    this.#runner = options.runnerOn(this.#commands)
  }

  /** For what else is to be run on this connection. */
  get runner(): ScriptRunner {
    return this.#runner
  }

  /** The tag of the history that the last heartbeat was answered in. */
  get tag(): string | undefined {
    return this.#tag
  }

  /** Connects and listens. Destroys what it has made where that fails. */
  async connect(signal: AbortSignal): Promise<void> {
    const { channel, events } = this.#options
    const connecting = Promise.all([
      this.#commands.connect(),
      this.#pushes
        .connect()
        .then(() => this.#pushes.subscribe(channel, (epoch) => this.#over || events.onPush(Number(epoch)))),
    ])
    await untilAborted(connecting, signal)
  }

  async register({ instance, label, holds }: FleetMemberInfo, signal: AbortSignal): Promise<void> {
    const { history, lease, heartbeat } = this.#options
    history.sawHold(holds)
    const info = JSON.stringify({ label, holds, lease, heartbeat })
    const { values } = await this.#runner.run(
      REGISTER,
      [instance, info, settingsOf(lease, heartbeat), String(randomInt(FIRST_BEATS))],
      signal,
    )
    if (values[0] !== 'registered') throw mismatch(lease, heartbeat, [])
  }

  async beat(instance: string, known: Position | null, signal: AbortSignal): Promise<Beat> {
    const overdue = this.#askPushes()
    const { history } = this.#options
    const args = [instance, known === null ? '' : String(known.epoch), known?.tag ?? '', history.settledTag()]
    const { tag, values } = await this.#runner.run(BEAT, args, signal)
    if (overdue && this.#askedPushesAt !== undefined) this.#lose(new Error(PUSHES_SILENT))
    const [member, epoch, changed] = values as ['gone' | 'member', string?, string[]?]
    this.#tag = tag
    return {
      member: member === 'member',
      position: { epoch: Number(epoch ?? -1), tag },
      changed: changed ?? null,
    }
  }

  async leave(instance: string, signal: AbortSignal): Promise<void> {
    await this.#runner.run(LEAVE, [instance], signal)
  }

  destroy(): void {
    if (this.#over) return
    this.#over = true
    this.#commands.destroy()
    this.#pushes.destroy()
    this.#options.onDestroyed()
  }

  /**
   * A connection that only listens would never notice that its peer is gone: each heartbeat asks it for a sign of life.
   *
   * @returns whether one that was asked for a heartbeat ago has not come. It may only wait to be read, where this process
   *   was held up; but then it is read before the answer to anything that is sent now.
   */
  #askPushes(): boolean {
    const now = performance.now()
    if (this.#askedPushesAt !== undefined) return now - this.#askedPushesAt >= this.#options.heartbeat
    this.#askedPushesAt = now
    const answered = () => {
      this.#askedPushesAt = undefined
    }
    this.#pushes.send(['PING']).then(answered, () => {})
    return false
  }

  #lose(cause: unknown): void {
    if (this.#over) return
    this.destroy()
    this.#options.events.onLost(cause)
  }
}

export function settingsOf(lease: number, heartbeat: number): string {
  return `${lease}/${heartbeat}`
}

/** @param others instances that run with other settings, in words */
export function mismatch(lease: number, heartbeat: number, others: readonly string[]): TenantAuthError {
  return new TenantAuthError(
    'TENANT_AUTH_FLEET_MISMATCH',
    `lease (${lease}) and heartbeat (${heartbeat}) must be those of the instances already running` +
      (others.length === 0 ? '' : `: ${others.join(', ')}`),
  )
}
