/**
 * This process's membership of the fleet: connects, registers, beats, and extends the lease on the proof of each beat.
 *
 * A beat only reads. Changes are dropped first and acknowledged afterwards (5). What extends the lease is the proof
 * that the store stands, or stood, where this instance does, and that its row says so. The lease always counts from
 * the moment at which the position was requested.
 */
import { bothClocks, type Clock, type Moment } from '../lib/clock.ts'
import { isOver, withTimeLimit } from '../lib/time-limit.ts'
import type { BeatAnswer, FleetDriver, FleetLink, InstanceInfo, Membership, Position } from './driver.ts'
import { BackOff } from './back-off.ts'
import { connect } from './fleet-connection.ts'
import { noteSettled } from './fleet-barrier.ts'
import type { FleetReport, FleetState, FleetStats, ResetReason } from './fleet-report.ts'
import { FreezeWatch } from './freeze-watch.ts'
import type { FleetTimes } from './fleet-times.ts'
import type { Lease } from './lease.ts'
import { MemberCount } from './member-count.ts'
import { Pause } from './pause.ts'
import { PushWatch } from './push-watch.ts'
import { Registration } from './registration.ts'
import type { SettledWatch } from './settled-watch.ts'
import { distance, isAcknowledged } from './stance.ts'
import { StateReporter } from './state-reporter.ts'

export interface FleetMemberOptions {
  driver: FleetDriver
  clock: Clock
  times: FleetTimes
  lease: Lease
  watch: SettledWatch
  /** The most milliseconds beyond the lease for which a cache of this process would serve. */
  staleIfError: () => number
  onChanged(hashes: readonly string[]): void
  onReset(): void
  /** Called once the row says that this instance may serve for `holds` milliseconds after its last proof. */
  onHolds(holds: number): void
  onReport(report: FleetReport): void
}

/** Milliseconds that a beat may take at most, however long the lease. */
const BEAT_LIMIT = 2_000
/** Milliseconds that `close` waits for the round under way and for the instance's row to be deleted. */
const LEAVE_TIMEOUT = 1_000
/** How many acknowledgements in a row may change nothing before the round fails. */
const MOST_IN_VAIN = 3
export class FleetMember {
  readonly #options: FleetMemberOptions
  readonly #clock: Clock
  readonly #lease: Lease
  readonly #closing = new AbortController()
  readonly #pause: Pause
  readonly #backOff: BackOff
  readonly #push: PushWatch
  readonly #reporter: StateReporter
  readonly #registration = new Registration()
  readonly #freezes = new FreezeWatch()
  #link: FleetLink | undefined
  /** Whether the row is this link's. */
  #isAttached = false
  /** Where this instance stands: it has dropped everything that changed up to here. */
  #known: Position | undefined
  /** When the request was sent that returned `#known`, or that last found the store still there. */
  #asked: Moment = { now: -Infinity, wall: -Infinity }
  /** When the last request was sent. */
  #sent: Moment = this.#asked
  /** Whether this link has been level with the store: from then on, changes should be pushed. */
  #listened = false
  /** The highest epoch reported by a push, a write or a look-up. */
  #told = -1
  #first: Promise<void> | undefined
  #running: Promise<void> | undefined
  #joined = false
  #cause: unknown
  /** Resolve the promises of `nextRound`, once the next round has ended. */
  #waiting: (() => void)[] = []
  /** How many heartbeats this instance waits for another one to note that the fleet is settled. */
  readonly #reserve = 4 * Math.random()
  #lastAnswer: number | null = null
  #provenAt = -Infinity
  readonly #counts = { resets: 0, reconnects: 0, failedBeats: 0, gone: 0 }
  readonly #members: MemberCount

  constructor(options: FleetMemberOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#lease = options.lease
    this.#pause = new Pause(options.clock)
    this.#backOff = new BackOff(options.times.heartbeat)
    this.#members = new MemberCount(options.driver, options.clock)
    this.#push = new PushWatch((silent) =>
      options.onReport({ event: silent ? 'push-silent' : 'push-restored' }),
    )
    this.#reporter = new StateReporter((report) => options.onReport(report))
  }

  get state(): FleetState {
    if (!this.#joined) return 'cold'
    return this.#lease.holds(this.#clock.now(), this.#clock.wall()) ? 'coherent' : 'suspect'
  }

  /** Why the last round failed, if it did. */
  get cause(): unknown {
    return this.#cause
  }

  /** Whether this instance has ever been coherent, and is not closing. */
  get joined(): boolean {
    return this.#joined && !this.#closing.signal.aborted
  }

  /** Where this instance stands; `undefined` without a connection that reports changes. */
  get position(): Position | undefined {
    return this.#isAttached ? this.#known : undefined
  }

  /** Starts, once. Resolves when the first round has ended, even if it failed: beats go on in the background. */
  start(): Promise<void> {
    this.#first ??= new Promise((resolve) => {
      const first = this.#round()
      this.#running = this.#run(first)
      first.then(resolve, () => resolve())
    })
    return this.#first
  }

  /** Beats at once, because something may have changed or the lease was voided. */
  wake(): void {
    this.#pause.end()
  }

  /** Notes that the store has reached `epoch`, and beats at once if this instance is behind. */
  told(epoch: number): void {
    this.#told = Math.max(this.#told, epoch)
    // Without a connection, this instance asks as soon as it has one.
    if (this.#isAttached && (this.#known === undefined || epoch > this.#known.epoch)) this.wake()
  }

  /** Beats, and resolves when that round has ended. */
  nextRound(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.wake()
    })
  }

  /** Rewrites the row at once, because what it says of this instance has changed. */
  attachAnew(): void {
    this.#isAttached = false
    this.wake()
  }

  /** Returns within a second. If the row stays, the next revocation waits for the lease, and nothing else happens. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the fleet member is closed'))
    this.#lease.void()
    this.wake()
    const leaving = withTimeLimit(this.#clock, LEAVE_TIMEOUT, async (signal) => {
      await this.#running
      if (this.#isAttached) await this.#link?.leave(this.#registration.membership, signal)
    })
    await leaving.catch(() => {})
    this.#link?.destroy()
  }

  async #run(first: Promise<void>): Promise<void> {
    for (let round = first; ; round = this.#round()) {
      const waiting = this.#waiting.splice(0)
      const old = this.#link
      try {
        await round
        this.#cause = undefined
        // Only from the second round of a connection: one that works just once, time and again, must not reset it.
        if (old !== undefined && this.#isAttached) this.#backOff.worked()
        if (this.#joined) void this.#members.renew(this.#known?.epoch ?? 0)
      } catch (error) {
        this.#counts.failedBeats++
        this.#failed(error)
        this.#backOff.failed()
      }
      for (const resolve of waiting) resolve()
      const wasAttached = this.#isAttached
      await this.#rest(wasAttached ? this.#options.times.heartbeat : this.#backOff.pause)
      if (this.#closing.signal.aborted) break
      if (wasAttached && this.#link === undefined) {
        this.#backOff.failed() // The connection was lost during the wait.
        await this.#rest(this.#backOff.pause)
      }
      if (this.#closing.signal.aborted) break
    }
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Waits, and notices if that took so much longer that this process must have been stopped. */
  async #rest(ms: number): Promise<void> {
    const since = bothClocks(this.#clock)
    await this.#pause.wait(ms)
    if (!isOver(this.#clock, since, ms + this.#options.times.lease)) return
    const often = this.#freezes.froze(this.#clock.wall())
    if (often > 0) this.#options.onReport({ event: 'frozen', count: often })
  }

  /** Repeats until this instance is level with the store, and its row says so. */
  async #round(): Promise<void> {
    const link = (this.#link ??= await this.#connect())
    if (!this.#isAttached && !(await this.#attach(link))) return
    // If a change was reported, there is no need to ask whether there is one.
    let answer = this.#isBehindTold() ? null : await this.#beat(link)
    for (let inVain = 0; answer === null || this.#isMember(answer);) {
      const known = this.#known
      const apart = answer === null ? 'behind' : distance(known, answer.position)
      if (apart === 'level') {
        if (answer !== null && known !== undefined && isAcknowledged(known, answer)) {
          this.#prove()
          this.#listened = true
          this.#push.settled(this.#clock.now(), this.#options.times.heartbeat / 2)
          return
        }
        if (++inVain > MOST_IN_VAIN)
          throw new Error('the store does not record what this instance acknowledges')
      } else if (apart === 'behind' && known !== undefined) {
        inVain = 0
        await this.#catchUp(link, known)
      } else if (answer !== null) {
        this.#startOver(apart as ResetReason | 'first', answer.position)
      }
      answer = await this.#acknowledge(link)
    }
  }

  #isBehindTold(): boolean {
    return this.#known !== undefined && this.#told > this.#known.epoch
  }

  async #beat(link: FleetLink): Promise<BeatAnswer> {
    return this.#heard(await this.#within((signal) => link.beat(this.#membership(), signal)))
  }

  async #catchUp(link: FleetLink, known: Position): Promise<void> {
    const { position, changed } = await this.#within((signal) => link.catchUp(known, signal))
    this.#told = -1
    const apart = distance(known, position)
    if (apart === 'other-history' || apart === 'epoch-went-back') this.#startOver(apart, position)
    else if (changed === null) this.#startOver('gap', position)
    else {
      this.#options.onChanged(changed) // (2)
      if (apart === 'behind' && this.#listened) this.#push.found(position.epoch, this.#clock.now())
      this.#advance(position)
    }
  }

  /** Acknowledges where this instance stands. Even if the store has moved on since, what was read is proven. */
  async #acknowledge(link: FleetLink): Promise<BeatAnswer> {
    const known = this.#known as Position
    const work = (signal: AbortSignal) => link.acknowledge(this.#membership(), known, signal)
    const answer = this.#heard(await this.#within(work))
    if (isAcknowledged(known, answer)) this.#prove()
    return answer
  }

  #startOver(reason: ResetReason | 'first', position: Position): void {
    const isEmpty = reason === 'other-history' && position.epoch === 0 && this.#known?.epoch !== 0
    this.#advance(position)
    if (reason === 'first') return // Nothing was cached before, so there is nothing to drop.
    this.#lease.void()
    this.#options.onReset()
    this.#push.startOver()
    this.#told = -1
    this.#counts.resets++
    this.#options.onReport({ event: 'reset', reason: isEmpty ? 'empty-history' : reason })
    this.#report()
  }

  /** Takes over the position that the last request returned. */
  #advance(position: Position): void {
    this.#known = position
    this.#asked = this.#sent
  }

  #heard(answer: BeatAnswer): BeatAnswer {
    const { watch, driver } = this.#options
    if (distance(this.#known, answer.position) === 'level') this.#asked = this.#sent
    this.#lastAnswer = this.#clock.now()
    const isSettled = watch.saw(answer) && !answer.settled
    if (isSettled && this.#lastAnswer >= watch.settledAt + this.#reserve * this.#options.times.heartbeat)
      void noteSettled(answer, { driver, clock: this.#clock })
    return answer
  }

  /** Whether the row is this instance's. If it is not, the instance registers again under another id. */
  #isMember({ member, position }: BeatAnswer): boolean {
    if (member === 'member') return true
    const reason = distance(this.#known, position) === 'other-history' ? 'lost' : 'reaped'
    this.#lostRow(member === 'taken' && this.#registration.isTokenSure ? 'taken' : reason)
    return false
  }

  /** Cached entries stay, unused: this instance catches up from where it stands. */
  #lostRow(reason: 'reaped' | 'lost' | 'taken'): void {
    this.#lease.void()
    this.#isAttached = false
    this.#registration.lost()
    this.#counts.gone++
    this.#options.onReport({ event: 'gone', reason })
    this.#report()
    this.#backOff.failed()
  }

  #prove(): void {
    if (this.#closing.signal.aborted) return
    // Reports a lease that lapsed although nothing failed, as in a process that was stopped.
    if (this.#joined) this.#report()
    this.#joined = true
    this.#provenAt = this.#clock.now()
    this.#lease.extend(this.#asked.now + this.#options.times.lease, this.#asked, this.#clock.now())
    this.#report()
  }

  #connect(): Promise<FleetLink> {
    this.#push.startOver()
    return connect(this.#options.driver, this.#clock, this.#closing.signal, {
      onPush: (epoch) => {
        this.#push.pushed(epoch, this.#clock.now())
        this.told(epoch)
      },
      onLost: (link, cause) => {
        if (this.#link !== link) return
        this.#failed(cause)
        this.#pause.cut()
      },
    })
  }

  /** @returns whether this link has the row now */
  async #attach(link: FleetLink): Promise<boolean> {
    const holds = this.#options.times.lease + this.#options.staleIfError()
    this.#options.watch.sawHold(holds)
    const { isNew } = this.#registration
    const attach = (info: InstanceInfo, session: string | null) =>
      this.#within((signal) => link.attach(info, session, signal))
    if (!(await this.#registration.attach(holds, attach))) {
      const earlier = this.#registration.membership
      this.#isMember(await this.#within((signal) => link.beat(earlier, signal))) // Reports why, to register again.
      return false
    }
    // What was proven of an earlier row proves nothing about this one.
    if (isNew) this.#asked = { now: -Infinity, wall: -Infinity }
    this.#isAttached = true
    this.#options.onHolds(holds)
    return true
  }

  #membership(): Membership {
    if (!this.#isAttached) throw new Error('the instance is about to register again')
    return this.#registration.membership
  }

  /** A connection that misses this limit is destroyed, not waited for: TCP alone takes minutes to see a hung peer. */
  #within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#sent = bothClocks(this.#clock)
    return withTimeLimit(this.#clock, Math.min(this.#options.times.lease / 4, BEAT_LIMIT), work)
  }

  /** Gives up the connection. A later round opens a new one. */
  #failed(cause: unknown): void {
    if (this.#closing.signal.aborted) {
      this.#disconnect()
      return
    }
    const worked = this.#link !== undefined && this.#isAttached
    this.#cause = cause
    if (worked) {
      this.#counts.reconnects++
      this.#options.onReport({ event: 'disconnected', cause })
    }
    this.#disconnect()
    this.#report(cause)
  }

  #disconnect(): void {
    this.#isAttached = false
    this.#listened = false
    this.#link?.destroy()
    this.#link = undefined
  }

  #report(cause?: unknown): void {
    if (!this.#closing.signal.aborted) this.#reporter.report(this.state, cause)
  }

  stats(): Omit<FleetStats, 'confirmations'> {
    const now = this.#clock.now()
    return {
      state: this.state,
      leaseRemaining: Math.max(0, this.#lease.end - now),
      lastHeartbeat: this.#lastAnswer === null ? null : now - this.#lastAnswer,
      epoch: this.#known?.epoch ?? null,
      ...this.#counts,
      freezes: this.#freezes.count,
      sinceCoherent: !this.#joined ? null : this.state === 'coherent' ? 0 : now - this.#provenAt,
      members: this.#members.latest,
      push: this.#push.stats(),
    }
  }
}
