/**
 * The coherence side of a store that several instances share, in one process: the whole protocol over a
 * `MemoryKeyStore`, and every way to break the connection that a test needs. It is also the proof that nothing in
 * `src/cache` knows which store it drives.
 */
import { awaitFleet, type FleetClock } from '../../src/coherence/fleet-barrier.ts'
import type {
  Beat,
  CoherentKeyStore,
  Confirmation,
  FleetCoherence,
  FleetLink,
  FleetLinkEvents,
  FleetMemberInfo,
  Position,
} from '../../src/stores/coherent-key-store.ts'
import type {
  KeyPatch,
  NewKey,
  TenantDetails,
  TenantPatch,
  WritableKeyStore,
  Written,
} from '../../src/stores/writable-key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

interface Row extends FleetMemberInfo {
  acknowledged: Position | null
  beats: number
}

export interface FakeFleetOptions {
  lease?: number
  heartbeat?: number
  clock?: FleetClock
  /** Every request to the store and every answer of it passes through here: where a test delays, reorders or cuts. */
  network?: (what: string, instance: string) => Promise<void>
}

/** What all instances share. `connectAs` gives each its own view, with a network of its own. */
export class FakeFleet {
  readonly inner = new MemoryKeyStore()
  readonly lease: number
  readonly heartbeat: number
  readonly clock: FleetClock | undefined
  readonly network: (what: string, instance: string) => Promise<void>
  readonly rows = new Map<string, Row>()
  readonly links = new Set<FakeLink>()
  /** What changed with each epoch. */
  log: { epoch: number; hashes: string[] }[] = []
  epoch = 0
  tag = 'first'
  pushes = true
  /** Called when a row acknowledges an epoch, before anybody can learn of it. */
  onAcknowledge: ((instance: string, epoch: number) => void) | undefined
  #changed: string[] = []
  #rows = 0

  constructor(options: FakeFleetOptions = {}) {
    const { lease = 2_000, heartbeat = 500, clock, network = () => Promise.resolve() } = options
    this.lease = lease
    this.heartbeat = heartbeat
    this.clock = clock
    this.network = network
    this.inner.coherence.subscribe((hashes) => this.#changed.push(...hashes))
  }

  /** Runs a write and logs what it changed under an epoch of the fleet's own, as one step. */
  async write<R>(work: () => Promise<R>): Promise<{ result: R; epoch: number }> {
    this.#changed = []
    const writing = work() // The memory store has done it all by now.
    this.bump(this.#changed)
    const { epoch } = this
    return { result: await writing, epoch }
  }

  /** Where the `beats` of a new row start: a count seen in an earlier row of the same instance never fits a later one. */
  firstBeats(): number {
    return ++this.#rows * 1_000_000
  }

  bump(hashes: string[]): void {
    this.epoch++
    this.log.push({ epoch: this.epoch, hashes })
    if (this.pushes) for (const link of this.links) link.push(this.epoch)
  }

  connectAs(name: string): FakeFleetStore {
    return new FakeFleetStore(this, name)
  }
}

export class FakeFleetStore implements WritableKeyStore, CoherentKeyStore {
  readonly fleet: FakeFleet
  readonly name: string
  readonly coherence: FleetCoherence
  reads = 0

  constructor(fleet: FakeFleet, name: string) {
    this.fleet = fleet
    this.name = name
    this.coherence = {
      kind: 'fleet',
      lease: fleet.lease,
      heartbeat: fleet.heartbeat,
      connect: async (events, signal) => {
        signal.throwIfAborted()
        await fleet.network('connect', name)
        const link = new FakeLink(fleet, name, events)
        fleet.links.add(link)
        await fleet.network('connected', name)
        return link
      },
      confirm: (epoch) => this.#confirm(epoch),
    }
  }

  async findByHash(hash: string) {
    this.reads++
    await this.fleet.network('read', this.name)
    const stored = await this.fleet.inner.findByHash(hash)
    await this.fleet.network('answer', this.name)
    return stored
  }

  findTenant = (id: string) => this.fleet.inner.findTenant(id)
  findKey = (id: string) => this.fleet.inner.findKey(id)
  listKeys: WritableKeyStore['listKeys'] = (options) => this.fleet.inner.listKeys(options)
  recordUse = (uses: ReadonlyMap<string, Date>) => this.fleet.inner.recordUse(uses)
  insertTenant = (tenant: TenantDetails) => this.#written(() => this.fleet.inner.insertTenant(tenant))
  updateTenant = (id: string, patch: TenantPatch) =>
    this.#written(() => this.fleet.inner.updateTenant(id, patch))
  insertKey = (key: NewKey, retire?: { id: string; expiresAt: Date | null }) =>
    this.#written(() => this.fleet.inner.insertKey(key, retire))
  updateKey = (id: string, patch: KeyPatch) => this.#written(() => this.fleet.inner.updateKey(id, patch))
  revokeKey = (id: string, at: Date) => this.#written(() => this.fleet.inner.revokeKey(id, at))

  async #written<R>(work: () => Promise<R>): Promise<R> {
    await this.fleet.network('write', this.name)
    const { result, epoch } = await this.fleet.write(work)
    await this.fleet.network('written', this.name)
    return isWritten(result) ? { ...result, epoch } : result
  }

  #confirm(epoch: number): Promise<Confirmation> {
    const { fleet, name } = this
    return awaitFleet({
      epoch,
      giveUpAfter: fleet.lease,
      readMembers: async () => {
        await fleet.network('poll', name)
        const members = [...fleet.rows.values()].map(({ instance, holds, beats, acknowledged }) => ({
          instance,
          holds,
          beats,
          acknowledged: acknowledged?.tag === fleet.tag ? acknowledged.epoch : -1,
        }))
        await fleet.network('polled', name)
        return members
      },
      reap: async (silent) => {
        await fleet.network('reap', name)
        for (const { instance, beats } of silent) {
          if (fleet.rows.get(instance)?.beats === beats) fleet.rows.delete(instance)
        }
      },
      ...(fleet.clock && { clock: fleet.clock }),
    })
  }
}

function isWritten(result: unknown): result is Written<unknown> {
  return typeof result === 'object' && result !== null
}

export class FakeLink implements FleetLink {
  readonly #fleet: FakeFleet
  readonly #name: string
  readonly #events: FleetLinkEvents
  destroyed = false

  constructor(fleet: FakeFleet, name: string, events: FleetLinkEvents) {
    this.#fleet = fleet
    this.#name = name
    this.#events = events
  }

  async register(member: FleetMemberInfo): Promise<void> {
    await this.#network('register')
    this.#fleet.rows.set(member.instance, { ...member, acknowledged: null, beats: this.#fleet.firstBeats() })
    await this.#network('registered')
  }

  async beat(instance: string, known: Position | null, signal: AbortSignal): Promise<Beat> {
    signal.throwIfAborted()
    await this.#network('beat')
    const { epoch, tag, log, rows } = this.#fleet // One snapshot: what follows may bump the epoch.
    const row = rows.get(instance)
    if (row !== undefined) {
      row.beats++
      // What was dropped in another history says nothing in this one.
      if (known !== null && known.tag === tag && known.epoch <= epoch) {
        row.acknowledged = known
        this.#fleet.onAcknowledge?.(instance, known.epoch)
      }
    }
    const from = known?.epoch ?? Infinity
    const since = log.filter((change) => change.epoch > from && change.epoch <= epoch)
    const whole = since.length === epoch - from
    const changed =
      known !== null && known.tag === tag && whole ? since.flatMap(({ hashes }) => hashes) : null
    await this.#network('beaten')
    return { member: row !== undefined, position: { epoch, tag }, changed }
  }

  async leave(instance: string): Promise<void> {
    await this.#network('leave')
    this.#fleet.rows.delete(instance)
  }

  destroy(): void {
    this.destroyed = true
    this.#fleet.links.delete(this)
  }

  push(epoch: number): void {
    void this.#fleet.network('push', this.#name).then(() => {
      if (!this.destroyed) this.#events.onPush(epoch)
    })
  }

  /** This process has written, and tells its own links without a push. */
  ownWrite(epoch: number): void {
    this.#events.onOwnWrite(epoch)
  }

  /** The connection breaks, and both ends see it. */
  lose(): void {
    this.destroy()
    this.#events.onLost(new Error('connection reset'))
  }

  async #network(what: string): Promise<void> {
    if (this.destroyed) throw new Error('the link is destroyed')
    await this.#fleet.network(what, this.#name)
  }
}
