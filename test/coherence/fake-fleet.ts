/**
 * The coherence side of a store that several instances share, in one process: a driver over a `MemoryKeyStore`, and every
 * way to break the connection that a test needs. It is also the proof that nothing in `src/coherence` knows which store it
 * drives.
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
  Position,
  Standing,
} from '../../src/coherence/driver.ts'
import { Fleet } from '../../src/coherence/fleet.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { CoherentKeyStore } from '../../src/stores/coherent-key-store.ts'
import type {
  KeyPatch,
  NewKey,
  TenantDetails,
  TenantPatch,
  WritableKeyStore,
  Written,
} from '../../src/stores/writable-key-store.ts'
import { MemoryKeyStore } from '../../src/stores/memory.ts'

interface Row extends InstanceInfo {
  session: string
  acknowledged: number
}

export interface FakeFleetOptions {
  lease?: number
  heartbeat?: number
  clock?: Clock
  /** Each request to the store and each answer passes through here: a test may delay, reorder or cut. */
  network?: (what: string, instance: string) => Promise<void>
}

/** What all instances share. `connectAs` gives each its own view and its own network. */
export class FakeFleet {
  readonly inner = new MemoryKeyStore()
  readonly lease: number
  readonly heartbeat: number
  readonly clock: Clock | undefined
  readonly network: (what: string, instance: string) => Promise<void>
  readonly rows = new Map<string, Row>()
  readonly links = new Set<FakeLink>()
  /** What changed with each epoch. */
  log: { epoch: number; hashes: string[] }[] = []
  epoch = 0
  history = 'first'
  roster = 'first'
  /** The history and roster that are settled. */
  settled = 'first/first'
  maxHolds = 0
  pushes = true
  /** Called when a row acknowledges an epoch, before anybody can learn of it. */
  onAcknowledge: ((instance: string, epoch: number) => void) | undefined
  #changed: string[] = []
  #sessions = 0

  constructor(options: FakeFleetOptions = {}) {
    const { lease = 2_000, heartbeat = 500, clock, network = () => Promise.resolve() } = options
    this.lease = lease
    this.heartbeat = heartbeat
    this.clock = clock
    this.network = network
    this.inner.coherence.subscribe((hashes) => this.#changed.push(...hashes))
  }

  newSession(): string {
    return `session ${++this.#sessions}`
  }

  standing(): Standing {
    const { epoch, history, roster, maxHolds } = this
    const settled = this.settled === `${history}/${roster}`
    return { position: { epoch, history }, roster, settled, maxHolds }
  }

  /** Rows vanish otherwise than by leaving and reaping. */
  loseRows(): void {
    this.rows.clear()
    this.roster = this.newSession()
  }

  /** Runs a write and logs what it changed under an epoch of the fleet's own, as one step. */
  async write<R>(work: () => Promise<R>): Promise<{ result: R; epoch: number }> {
    this.#changed = []
    const writing = work() // The memory store has done it all by now.
    this.bump(this.#changed)
    const { epoch } = this
    return { result: await writing, epoch }
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
  readonly driver: FakeDriver
  readonly coherence: Fleet
  reads = 0

  constructor(fleet: FakeFleet, name: string) {
    this.fleet = fleet
    this.name = name
    this.driver = new FakeDriver(fleet, name)
    const { lease, heartbeat, clock } = fleet
    this.coherence = new Fleet({ driver: this.driver, lease, heartbeat, ...(clock && { clock }) })
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
  listTenants: WritableKeyStore['listTenants'] = (options) => this.fleet.inner.listTenants(options)
  deleteTenant = (id: string) => this.#written(() => this.fleet.inner.deleteTenant(id))
  deleteKeys = (ids: readonly string[], before: Date) => this.fleet.inner.deleteKeys(ids, before)
  recordUse = (uses: ReadonlyMap<string, Date>) => this.fleet.inner.recordUse(uses)
  insertTenant = (tenant: TenantDetails) => this.#written(() => this.fleet.inner.insertTenant(tenant))
  updateTenant = (id: string, patch: TenantPatch) =>
    this.#written(() => this.fleet.inner.updateTenant(id, patch))
  insertKey = (key: NewKey, retire?: { id: string; expiresAt: Date | null }) =>
    this.#written(() => this.fleet.inner.insertKey(key, retire))
  updateKey = (id: string, patch: KeyPatch) => this.#written(() => this.fleet.inner.updateKey(id, patch))
  revokeKey = (id: string, at: Date) => this.#written(() => this.fleet.inner.revokeKey(id, at))

  async #written<R>(work: () => Promise<R>): Promise<R> {
    const { fleet, name } = this
    await fleet.network('write', name)
    const { result, epoch } = await fleet.write(work)
    const mark = {
      epoch,
      history: fleet.history,
      reach: { holds: fleet.maxHolds, instances: fleet.rows.size },
    }
    await fleet.network('written', name)
    return isWritten(result) ? { ...result, ...mark } : result
  }
}

function isWritten(result: unknown): result is Written<unknown> {
  return typeof result === 'object' && result !== null
}

export class FakeDriver implements FleetDriver {
  readonly #fleet: FakeFleet
  readonly #name: string

  constructor(fleet: FakeFleet, name: string) {
    this.#fleet = fleet
    this.#name = name
  }

  async open(events: LinkEvents, signal: AbortSignal): Promise<FakeLink> {
    signal.throwIfAborted()
    await this.#fleet.network('connect', this.#name)
    const link = new FakeLink(this.#fleet, this.#name, events)
    this.#fleet.links.add(link)
    await this.#fleet.network('connected', this.#name)
    return link
  }

  async readFleet(epoch: number, signal: AbortSignal): Promise<FleetView> {
    signal.throwIfAborted()
    const fleet = this.#fleet
    await fleet.network('poll', this.#name)
    const pending = [...fleet.rows.values()].filter((row) => isPending(row, epoch, fleet.epoch))
    const rows = pending.map(({ instance, label, holds, acknowledged }) => ({
      instance,
      label,
      holds,
      acknowledged: Math.min(acknowledged, epoch - 1),
    }))
    const view = { ...fleet.standing(), pending: rows, instances: fleet.rows.size }
    await fleet.network('polled', this.#name)
    return view
  }

  async settle(history: string, roster: string): Promise<void> {
    const fleet = this.#fleet
    await fleet.network('settle', this.#name)
    if (history !== fleet.history || roster !== fleet.roster) return
    fleet.settled = `${history}/${roster}`
    fleet.maxHolds = Math.max(0, ...[...fleet.rows.values()].map(({ holds }) => holds))
  }

  async reap(instances: readonly string[], { epoch, history }: Position, roster: string) {
    const fleet = this.#fleet
    await fleet.network('reap', this.#name)
    if (history !== fleet.history || roster !== fleet.roster) return []
    const rows = instances.flatMap((instance) => fleet.rows.get(instance) ?? [])
    const reaped = rows.filter((row) => isPending(row, epoch, fleet.epoch)).map(({ instance }) => instance)
    for (const instance of reaped) fleet.rows.delete(instance)
    return reaped
  }
}

function isPending({ acknowledged }: Row, epoch: number, present: number): boolean {
  return acknowledged < epoch || acknowledged > present
}

export class FakeLink implements FleetLink {
  readonly #fleet: FakeFleet
  readonly #name: string
  readonly #events: LinkEvents
  destroyed = false

  constructor(fleet: FakeFleet, name: string, events: LinkEvents) {
    this.#fleet = fleet
    this.#name = name
    this.#events = events
  }

  async attach(info: InstanceInfo, session: string | null): Promise<string | null> {
    const { rows } = this.#fleet
    await this.#network('attach')
    const row = rows.get(info.instance)
    const fits = session === null ? row === undefined : row?.session === session
    const made = fits ? this.#fleet.newSession() : null
    if (made !== null) {
      rows.set(info.instance, { ...info, session: made, acknowledged: row?.acknowledged ?? -1 })
      this.#fleet.maxHolds = Math.max(this.#fleet.maxHolds, info.holds)
    }
    await this.#network('attached')
    return made
  }

  async beat(membership: Membership, signal: AbortSignal): Promise<BeatAnswer> {
    signal.throwIfAborted()
    await this.#network('beat')
    const answer = this.#answer(membership)
    await this.#network('beaten')
    return answer
  }

  async catchUp(known: Position): Promise<Changes> {
    await this.#network('catch-up')
    const { epoch, history, log } = this.#fleet // One snapshot: what follows may bump the epoch.
    const since = log.filter((change) => change.epoch > known.epoch && change.epoch <= epoch)
    const whole = known.history === history && since.length === epoch - known.epoch
    await this.#network('caught-up')
    return { position: { epoch, history }, changed: whole ? since.flatMap(({ hashes }) => hashes) : null }
  }

  async acknowledge(membership: Membership, known: Position): Promise<BeatAnswer> {
    await this.#network('acknowledge')
    const { rows, history, epoch } = this.#fleet
    const row = rows.get(membership.instance)
    if (row?.session === membership.session && known.history === history && known.epoch <= epoch) {
      row.acknowledged = known.epoch
      this.#fleet.onAcknowledge?.(membership.instance, known.epoch)
    }
    const answer = this.#answer(membership)
    await this.#network('acknowledged')
    return answer
  }

  #answer({ instance, session }: Membership): BeatAnswer {
    const row = this.#fleet.rows.get(instance)
    const member = row === undefined ? 'gone' : row.session === session ? 'member' : 'taken'
    return { ...this.#fleet.standing(), member, acknowledged: row?.acknowledged ?? -1 }
  }

  async leave({ instance, session }: Membership): Promise<void> {
    await this.#network('leave')
    if (this.#fleet.rows.get(instance)?.session === session) this.#fleet.rows.delete(instance)
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
