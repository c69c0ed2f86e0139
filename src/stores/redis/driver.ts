/**
 * The fleet's driver on Redis: a connection for heartbeats, which look-ups and writes must not hold up, and one for
 * pushes. Barriers read over the connection for writes.
 */
import type {
  BeatAnswer,
  Changes,
  FleetDriver,
  FleetLink,
  FleetView,
  InstanceInfo,
  LinkEvents,
  Membership,
  PendingRow,
  Position,
  Standing,
} from '../../coherence/driver.ts'
import type { FleetTimes } from '../../coherence/fleet-times.ts'
import type { RedisSource } from './connection.ts'
import { ACKNOWLEDGE, ATTACH, BEAT, CATCH_UP, LEAVE, READ_FLEET, REAP, SETTLE } from './fleet-scripts.ts'
import { Pushes } from './pushes.ts'
import type { Reply, ScriptRunner } from './script.ts'

export interface RedisDriverOptions {
  source: RedisSource
  runner: ScriptRunner
  heartbeats: ScriptRunner
  prefix: string
  /** What an instance of version 0.1.0 compares with its own settings before it starts. */
  times: FleetTimes
}

export class RedisDriver implements FleetDriver {
  readonly #options: RedisDriverOptions
  readonly #pushes = new Set<Pushes>()

  constructor(options: RedisDriverOptions) {
    this.#options = options
    options.source.onEnd(() => this.#losePushes('The client that the store was given has ended'))
  }

  async open(events: LinkEvents, signal: AbortSignal): Promise<FleetLink> {
    const { source, heartbeats, prefix } = this.#options
    const pushes = new Pushes(source, events)
    await pushes.listen(`{${prefix}}:pushes`, signal)
    try {
      // Here, because the limit of a heartbeat is too short to open a connection to a busy or distant server as well.
      await heartbeats.connect(signal)
    } catch (error) {
      pushes.destroy()
      heartbeats.hangUp()
      throw error
    }
    this.#pushes.add(pushes)
    return new RedisLink(this.#options, pushes, () => this.#pushes.delete(pushes))
  }

  /** Another connection has led to an unusable server: those for pushes may lead there, too. */
  onWrongServer(): void {
    this.#losePushes('Another server may have taken over')
  }

  #losePushes(words: string): void {
    for (const pushes of this.#pushes) pushes.lose(new Error(words))
    this.#pushes.clear()
  }

  async readFleet(epoch: number, signal: AbortSignal): Promise<FleetView> {
    const { tag, values } = await this.#run(READ_FLEET, [String(epoch)], signal)
    const [instances, rows] = values.slice(4) as [string, string[]]
    return {
      ...standing(tag, values),
      instances: Number(instances),
      pending: pendingRows(rows),
    }
  }

  async settle(history: string, roster: string, signal: AbortSignal): Promise<void> {
    await this.#run(SETTLE, [history, roster], signal)
  }

  async reap(
    instances: readonly string[],
    { epoch, history }: Position,
    roster: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { values } = await this.#run(REAP, [String(epoch), history, roster, ...instances], signal)
    return values[0] as string[]
  }

  #run(...args: Parameters<ScriptRunner['run']>): Promise<Reply> {
    return this.#options.runner.run(...args)
  }
}

class RedisLink implements FleetLink {
  readonly #options: RedisDriverOptions
  readonly #pushes: Pushes
  readonly #onDestroy: () => void

  constructor(options: RedisDriverOptions, pushes: Pushes, onDestroy: () => void) {
    this.#options = options
    this.#pushes = pushes
    this.#onDestroy = onDestroy
  }

  async attach({ instance, label, holds }: InstanceInfo, session: string | null, signal: AbortSignal) {
    const info = JSON.stringify({ label, holds, ...this.#options.times })
    const { values } = await this.#run(ATTACH, [instance, info, String(holds), session ?? ''], signal)
    return (values[0] as string) || null
  }

  async beat({ instance, session }: Membership, signal: AbortSignal): Promise<BeatAnswer> {
    const isOverdue = this.#pushes.isOverdue(this.#options.times.heartbeat)
    const answer = beatAnswer(await this.#run(BEAT, [instance, session], signal))
    if (isOverdue) this.#pushes.loseIfSilent()
    return answer
  }

  async catchUp({ epoch, history }: Position, signal: AbortSignal): Promise<Changes> {
    const { tag, values } = await this.#run(CATCH_UP, [String(epoch), history], signal)
    const [at, changed] = values as [string, string[]?]
    return { position: { history: tag, epoch: Number(at) }, changed: changed ?? null }
  }

  async acknowledge({ instance, session }: Membership, { epoch, history }: Position, signal: AbortSignal) {
    return beatAnswer(await this.#run(ACKNOWLEDGE, [instance, session, String(epoch), history], signal))
  }

  async leave({ instance, session }: Membership, signal: AbortSignal): Promise<void> {
    await this.#run(LEAVE, [instance, session], signal)
  }

  destroy(): void {
    this.#onDestroy()
    this.#pushes.destroy()
    this.#options.heartbeats.hangUp()
  }

  async #run(...args: Parameters<ScriptRunner['run']>): Promise<Reply> {
    if (this.#pushes.isOver) throw new Error('The link to Redis was lost or destroyed')
    return this.#options.heartbeats.run(...args)
  }
}

function standing(tag: string, values: readonly unknown[]): Standing {
  const [epoch, roster, settled, maxHolds] = values as string[]
  if (maxHolds === undefined || roster === undefined)
    throw new Error("Redis's answer lacks the roster or max-holds")
  return {
    position: { history: tag, epoch: Number(epoch) },
    roster,
    settled: settled === 'settled',
    maxHolds: Number(maxHolds),
  }
}

function beatAnswer({ tag, values }: Reply): BeatAnswer {
  const [member, acknowledged] = values.slice(4) as [BeatAnswer['member'], string]
  return { ...standing(tag, values), member, acknowledged: Number(acknowledged) }
}

/** @param list instance, info, acknowledged, and so on */
function pendingRows(list: readonly string[]): PendingRow[] {
  const rows: PendingRow[] = []
  for (let i = 0; i < list.length; i += 3) {
    const [instance, info, acknowledged] = list.slice(i, i + 3) as [string, string, string]
    const { label, holds } = JSON.parse(info) as { label: string; holds: number }
    rows.push({ instance, label, holds, acknowledged: Number(acknowledged) })
  }
  return rows
}
