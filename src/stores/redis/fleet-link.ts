/**
 * An instance's link to Redis: heartbeats over the connection that the store uses for everything, and one of its own for
 * pushes, because a connection that subscribes can do nothing else under RESP2.
 */
import { randomInt } from 'node:crypto'
import { TenantAuthError } from '../../http/errors.ts'
import type { Beat, FleetLink, FleetLinkEvents, FleetMemberInfo, Position } from '../coherent-key-store.ts'
import { type OwnConnection, type RedisSource, untilAborted } from './connection.ts'
import { BEAT, LEAVE, REGISTER } from './fleet-scripts.ts'
import type { HistoryWatch } from './history.ts'
import type { ScriptRunner } from './script.ts'

export interface RedisFleetLinkOptions {
  source: RedisSource
  events: FleetLinkEvents
  history: HistoryWatch
  lease: number
  heartbeat: number
  channel: string
  runner: ScriptRunner
  onDestroyed(): void
}

/** The beats of a row start below this, as far from the end of exact integers as no row ever comes. */
const FIRST_BEATS = 2 ** 47

const PUSHES_SILENT = 'The connection for pushes did not answer until the next heartbeat'

export class RedisFleetLink implements FleetLink {
  readonly #options: RedisFleetLinkOptions
  readonly #pushes: OwnConnection
  #tag: string | undefined
  #askedPushesAt: number | undefined
  #over = false

  constructor(options: RedisFleetLinkOptions) {
    this.#options = options
    this.#pushes = options.source.open((cause) => this.lose(cause))
  }

  /** The tag of the history that the last heartbeat was answered in. */
  get tag(): string | undefined {
    return this.#tag
  }

  /** Connects and listens. Destroys what it has made where that fails. */
  async connect(signal: AbortSignal): Promise<void> {
    const { channel, events } = this.#options
    const listening = this.#pushes
      .connect()
      .then(() => this.#pushes.subscribe(channel, (epoch) => this.#over || events.onPush(Number(epoch))))
    await untilAborted(listening, signal)
  }

  async register({ instance, label, holds }: FleetMemberInfo, signal: AbortSignal): Promise<void> {
    const { runner, history, lease, heartbeat } = this.#options
    history.sawHold(holds)
    const info = JSON.stringify({ label, holds, lease, heartbeat })
    const { values } = await runner.run(
      REGISTER,
      [instance, info, settingsOf(lease, heartbeat), String(randomInt(FIRST_BEATS))],
      signal,
    )
    if (values[0] !== 'registered') throw mismatch(lease, heartbeat, [])
  }

  async beat(instance: string, known: Position | null, signal: AbortSignal): Promise<Beat> {
    if (this.#over) throw new Error('The link was destroyed')
    const overdue = this.#askPushes()
    const { runner, history } = this.#options
    const args = [instance, known === null ? '' : String(known.epoch), known?.tag ?? '', history.settledTag()]
    const { tag, values } = await runner.run(BEAT, args, signal)
    if (overdue && this.#askedPushesAt !== undefined) this.lose(new Error(PUSHES_SILENT))
    const [member, epoch, changed] = values as ['gone' | 'member', string?, string[]?]
    this.#tag = tag
    return {
      member: member === 'member',
      position: { epoch: Number(epoch ?? -1), tag },
      changed: changed ?? null,
    }
  }

  async leave(instance: string, signal: AbortSignal): Promise<void> {
    await this.#options.runner.run(LEAVE, [instance], signal)
  }

  lose(cause: unknown): void {
    if (this.#over) return
    this.destroy()
    this.#options.events.onLost(cause)
  }

  destroy(): void {
    if (this.#over) return
    this.#over = true
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
