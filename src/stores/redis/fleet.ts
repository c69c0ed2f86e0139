/** The coherence side of the store: joins instances to the fleet, and confirms writes. */
import { LRUCache } from 'lru-cache'
import { TenantAuthError } from '../../http/errors.ts'
import { awaitFleet, type FleetMember, patience } from '../../coherence/fleet-barrier.ts'
import { FleetWatch } from '../../coherence/fleet-watch.ts'
import type { Confirmation, FleetCoherence, FleetLink, FleetLinkEvents } from '../coherent-key-store.ts'
import type { RedisSource } from './connection.ts'
import { mismatch, RedisFleetLink, settingsOf } from './fleet-link.ts'
import { READ_FLEET, REAP } from './fleet-scripts.ts'
import type { HistoryWatch } from './history.ts'
import { rowOf } from './records.ts'
import type { ScriptRunner } from './script.ts'

export interface RedisFleetOptions {
  source: RedisSource
  runner: ScriptRunner
  history: HistoryWatch
  channel: string
  lease: number
  heartbeat: number
}

interface Member extends FleetMember {
  label: string
  lease: number
  heartbeat: number
}

/** An instance that may live without a row, because rows were lost with an earlier history. */
const UNSEEN = { instance: '', acknowledged: -1, beats: 0 }

export class RedisFleet implements FleetCoherence {
  readonly kind = 'fleet'
  readonly lease: number
  readonly heartbeat: number
  readonly #options: RedisFleetOptions
  readonly #watch = new FleetWatch()
  readonly #links = new Set<RedisFleetLink>()
  /** Epochs of this process's last writes → the history they were written in. */
  readonly #written = new LRUCache<number, string>({ max: 1_000 })

  constructor(options: RedisFleetOptions) {
    this.#options = options
    this.lease = options.lease
    this.heartbeat = options.heartbeat
  }

  wrote(epoch: number, tag: string): void {
    this.#written.set(epoch, tag)
  }

  /**
   * Refuses an answer of another history than the one that the heartbeats see. Where an old primary has been cut off,
   * the client may still be connected to it while the heartbeats go to the new one: what it answers must not be cached.
   */
  checkSameHistory(tag: string): void {
    for (const link of this.#links) {
      if (link.tag !== undefined && link.tag !== tag) {
        throw new Error('Redis has lost data, was restarted, or another server has taken over')
      }
    }
  }

  async connect(events: FleetLinkEvents, signal: AbortSignal): Promise<FleetLink> {
    const link: RedisFleetLink = new RedisFleetLink({
      ...this.#options,
      events,
      onDestroyed: () => this.#links.delete(link),
    })
    this.#links.add(link)
    try {
      await link.connect(signal)
      await this.#checkSettings(this.#options.runner, signal)
    } catch (error) {
      link.destroy()
      throw error
    }
    return link
  }

  /** Connections for pushes that may lead where the one for commands has led to no avail. */
  onWrongServer(): void {
    for (const link of this.#links) link.lose(new Error('Another server may have taken over'))
  }

  async confirm(epoch: number): Promise<Confirmation> {
    const { runner, history } = this.#options
    let writtenIn = this.#written.get(epoch)
    let instances = 0
    let lost = false
    const readMembers = async (signal: AbortSignal): Promise<FleetMember[]> => {
      const { tag, reached, settled, members } = await this.#read(runner, signal)
      writtenIn ??= tag
      lost ||= tag !== writtenIn || reached < epoch
      if (lost) return []
      instances = Math.max(instances, members.length)
      return settled ? members : [...members, { ...UNSEEN, holds: history.longestHold }]
    }
    const confirmation = await awaitFleet({
      epoch,
      readMembers,
      reap: (members, signal) => this.#reap(runner, members, signal),
      giveUpAfter: patience(history.longestHold),
    })
    if (lost) {
      throw new TenantAuthError(
        'KEY_STORE_UNAVAILABLE',
        'Redis has lost data, was restarted, or another server has taken over since the write: see whether it is still there',
      )
    }
    return { ...confirmation, instances }
  }

  /** @throws `TENANT_AUTH_FLEET_MISMATCH` where instances with other settings live */
  async #checkSettings(runner: ScriptRunner, signal: AbortSignal): Promise<void> {
    const { lease, heartbeat } = this
    const ours = settingsOf(lease, heartbeat)
    const others = await this.#watch.untilSettled<Member>({
      readMembers: async (signal) => {
        const { members } = await this.#read(runner, signal)
        return members.filter((member) => settingsOf(member.lease, member.heartbeat) !== ours)
      },
      reap: (members, signal) => this.#reap(runner, members, signal),
      signal,
    })
    if (others.length === 0) return
    const words = others.map(({ label, lease, heartbeat }) => `${label} has ${settingsOf(lease, heartbeat)}`)
    throw mismatch(lease, heartbeat, words)
  }

  async #read(runner: ScriptRunner, signal: AbortSignal) {
    const { history } = this.#options
    const { tag, values } = await runner.run(READ_FLEET, [history.settledTag()], signal)
    const [epoch, settled, fields] = values
    const members = membersOf(rowOf(fields))
    for (const { holds } of members) history.sawHold(holds)
    return { tag, reached: Number(epoch), settled: settled === tag, members }
  }

  async #reap(runner: ScriptRunner, members: readonly FleetMember[], signal: AbortSignal): Promise<void> {
    await runner.run(
      REAP,
      members.flatMap(({ instance, beats }) => [instance, String(beats)]),
      signal,
    )
  }
}

const INFO = 'info:'

function membersOf(fields: ReadonlyMap<string, string>): Member[] {
  return [...fields].flatMap(([field, value]) => {
    if (!field.startsWith(INFO)) return []
    const instance = field.slice(INFO.length)
    const info = JSON.parse(value) as Pick<Member, 'label' | 'holds' | 'lease' | 'heartbeat'>
    const acknowledged = Number(fields.get(`acknowledged:${instance}`) ?? -1)
    return [{ ...info, instance, acknowledged, beats: Number(fields.get(`beats:${instance}`)) }]
  })
}
