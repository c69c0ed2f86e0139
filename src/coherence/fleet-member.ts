/**
 * This process' membership of the fleet: connects, registers, beats, and extends the lease on the proof of each beat.
 *
 * A beat only reads. What changed is dropped first and acknowledged after (5), and the lease is extended on the proof
 * that the store stands, or stood, where this instance does and that its row says so: always from the moment at which the
 * position was asked for.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { threadId } from 'node:worker_threads'
import { bothClocks, type Clock, type Moment } from '../lib/clock.ts'
import { isOver, withTimeLimit } from '../lib/time-limit.ts'
import type { BeatAnswer, FleetDriver, FleetLink, Membership, Position } from './driver.ts'
import { BackOff } from './back-off.ts'
import { connect } from './fleet-connection.ts'
import { noteSettled, POLL_LIMIT } from './fleet-barrier.ts'
import type { FleetReport, FleetState, FleetStats, ResetReason } from './fleet-report.ts'
import { FreezeWatch } from './freeze-watch.ts'
import type { FleetTimes } from './fleet-times.ts'
import type { Lease } from './lease.ts'
import { Pause } from './pause.ts'
import { PushWatch } from './push-watch.ts'
import type { SettledWatch } from './settled-watch.ts'
import { distance, isAcknowledged } from './stance.ts'
import { StateReporter } from './state-reporter.ts'

export interface FleetMemberOptions {
  driver: FleetDriver
  clock: Clock
  times: FleetTimes
  lease: Lease
  watch: SettledWatch
  /** Milliseconds beyond the lease for which any cache of this process would serve. */
  staleIfError: () => number
  onChanged(hashes: readonly string[]): void
  onReset(): void
  /** The row says from now on that this instance may serve for so long after its last proof. */
  onHolds(holds: number): void
  onReport(report: FleetReport): void
}

/** Milliseconds that a beat may take at most, however long the lease. */
const BEAT_LIMIT = 2_000
/** How long `close` waits for what is under way, and to take the instance's row away. */
const LEAVE_TIMEOUT = 1_000
/** Acknowledgements in a row that change nothing, after which a store is not what it says. */
const MOST_IN_VAIN = 3
/** Milliseconds between two looks at how many members there are. */
const SURVEY_INTERVAL = 60_000

const LABEL = `${hostname()}:${process.pid}${threadId === 0 ? '' : `:${threadId}`}`

export class FleetMember {
  readonly #options: FleetMemberOptions
  readonly #clock: Clock
  readonly #lease: Lease
  readonly #closing = new AbortController()
  readonly #pause: Pause
  readonly #backOff: BackOff
  readonly #push: PushWatch
  readonly #reporter: StateReporter
  readonly #freezes = new FreezeWatch()
  #link: FleetLink | undefined
  #instance = randomUUID() as string
  /** The token of this instance's row, where it has one. */
  #session: string | null = null
  /** Whether the row is this link's, and for how long it says that this instance may serve. */
  #attached: { membership: Membership; holds: number } | undefined
  /** Where this instance stands: all that changed up to here is dropped. */
  #known: Position | undefined
  /** When `#known` was asked for, or last seen to be the store's position still. */
  #asked: Moment = { now: -Infinity, wall: -Infinity }
  /** When the last question was sent. */
  #sent: Moment = this.#asked
  /** Whether this link was there when everything up to `#known` happened: what happens next should be pushed. */
  #listened = false
  /** The highest epoch that somebody has told of. */
  #told = -1
  #first: Promise<void> | undefined
  #running: Promise<void> | undefined
  #joined = false
  #cause: unknown
  /** Settles whoever waits for the round that runs or comes next. */
  #waiting: (() => void)[] = []
  /** Heartbeats by which this instance leaves it to others to note what all of them have watched. */
  readonly #reserve = 4 * Math.random()
  #lastAnswer: number | null = null
  #resets = 0
  #reconnects = 0
  #failedBeats = 0
  #gone = 0
  #provenAt = -Infinity
  #surveyedAt = -Infinity
  #members: number | null = null

  constructor(options: FleetMemberOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#lease = options.lease
    this.#pause = new Pause(options.clock)
    this.#backOff = new BackOff(options.times.heartbeat)
    this.#push = new PushWatch((silent) =>
      options.onReport({ event: silent ? 'push-silent' : 'push-restored' }),
    )
    this.#reporter = new StateReporter((report) => options.onReport(report))
  }

  get state(): FleetState {
    if (!this.#joined) return 'cold'
    return this.#lease.holds(this.#clock.now(), this.#clock.wall()) ? 'coherent' : 'suspect'
  }

  /** Why the last round failed, where it did. */
  get cause(): unknown {
    return this.#cause
  }

  /** Whether this instance has ever been coherent, and is not closing. */
  get joined(): boolean {
    return this.#joined && !this.#closing.signal.aborted
  }

  /** Where this instance stands, as long as its connection tells it of what changes. */
  get position(): Position | undefined {
    return this.#attached && this.#known
  }

  /** Begins, once. Settles when the first round is over, whether it went well or not: it goes on in the background. */
  start(): Promise<void> {
    this.#first ??= new Promise((resolve) => {
      const first = this.#round()
      this.#running = this.#run(first)
      first.then(resolve, () => resolve())
    })
    return this.#first
  }

  /** Beats at once: somebody says that something changed, or the lease was voided. */
  wake(): void {
    this.#pause.end()
  }

  /** The store was heard to stand here. */
  told(epoch: number): void {
    this.#told = Math.max(this.#told, epoch)
    // Whoever is not connected asks as soon as it is.
    if (this.#attached !== undefined && (this.#known === undefined || epoch > this.#known.epoch)) this.wake()
  }

  /** Beats, and settles when that is over. */
  nextRound(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.wake()
    })
  }

  /** The row has to say something else of this instance. */
  attachAnew(): void {
    this.#attached = undefined
    this.wake()
  }

  /** Returns within a second. Where the row stays, the next revocation waits for the lease, and nothing else happens. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the fleet member is closed'))
    this.#lease.void()
    this.wake()
    const leaving = withTimeLimit(this.#clock, LEAVE_TIMEOUT, async (signal) => {
      await this.#running
      if (this.#attached !== undefined) await this.#link?.leave(this.#attached.membership, signal)
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
        // A connection that works once only, time and again, is no good one.
        if (old !== undefined && this.#attached !== undefined) this.#backOff.worked()
        void this.#survey()
      } catch (error) {
        this.#failedBeats++
        this.#failed(error)
        this.#backOff.failed()
      }
      for (const resolve of waiting) resolve()
      const wasAttached = this.#attached !== undefined
      await this.#rest(wasAttached ? this.#options.times.heartbeat : this.#backOff.pause)
      if (this.#closing.signal.aborted) break
      if (wasAttached && this.#link === undefined) {
        this.#backOff.failed() // The connection was lost meanwhile.
        await this.#rest(this.#backOff.pause)
      }
      if (this.#closing.signal.aborted) break
    }
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Waits, and notices where that took so much longer that this process must have been stopped. */
  async #rest(ms: number): Promise<void> {
    const since = bothClocks(this.#clock)
    await this.#pause.wait(ms)
    if (!isOver(this.#clock, since, ms + this.#options.times.lease)) return
    const often = this.#freezes.froze(this.#clock.wall())
    if (often > 0) this.#options.onReport({ event: 'frozen', count: often })
  }

  /** How many members there are, for the operator. Best effort. */
  async #survey(): Promise<void> {
    const now = this.#clock.now()
    if (!this.#joined || now - this.#surveyedAt < SURVEY_INTERVAL) return
    this.#surveyedAt = now
    const { driver } = this.#options
    const epoch = this.#known?.epoch ?? 0
    const reading = withTimeLimit(this.#clock, POLL_LIMIT, (signal) => driver.readFleet(epoch, signal))
    this.#members = (await reading.catch(() => null))?.instances ?? this.#members
  }

  /** Goes on until the store has nothing new and knows that this instance has nothing old. */
  async #round(): Promise<void> {
    const link = (this.#link ??= await this.#connect())
    if (this.#attached === undefined && !(await this.#attach(link))) return
    // Who was told of a change need not ask whether there is one.
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
        if (++inVain > MOST_IN_VAIN) throw new Error('the store does not note what was acknowledged')
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

  /** Acknowledges where this instance stands. If the store has moved on since, what was read is proven all the same. */
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
    this.#resets++
    this.#options.onReport({ event: 'reset', reason: isEmpty ? 'empty-history' : reason })
    this.#report()
  }

  /** What the last question has brought. */
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

  /** Whether the row is this instance's. Where it is not, it registers anew, under another id. */
  #isMember({ member, position }: BeatAnswer): boolean {
    if (member === 'member') return true
    const reason = distance(this.#known, position) === 'other-history' ? 'lost' : 'reaped'
    this.#lostRow(member === 'taken' ? 'taken' : reason)
    return false
  }

  /** What is cached stays, unused: it is caught up with from where this instance stands. */
  #lostRow(reason: 'reaped' | 'lost' | 'taken'): void {
    this.#lease.void()
    this.#attached = undefined
    this.#session = null
    this.#instance = randomUUID()
    this.#gone++
    this.#options.onReport({ event: 'gone', reason })
    this.#report()
    this.#backOff.failed()
  }

  #prove(): void {
    if (this.#closing.signal.aborted) return
    // A lease that lapsed while nothing failed, as in a process that was stopped, is worth a line as well.
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

  /** @returns whether the row is there */
  async #attach(link: FleetLink): Promise<boolean> {
    const instance = this.#instance
    const holds = this.#options.times.lease + this.#options.staleIfError()
    this.#options.watch.sawHold(holds)
    const info = { instance, label: LABEL, holds }
    const session = await this.#within((signal) => link.attach(info, this.#session, signal))
    if (session === null) {
      const earlier = { instance, session: this.#session ?? '' }
      this.#isMember(await this.#within((signal) => link.beat(earlier, signal))) // Says why, and registers anew.
      return false
    }
    // What was proven of an earlier row proves nothing of this one.
    if (this.#session === null) this.#asked = { now: -Infinity, wall: -Infinity }
    this.#session = session
    this.#attached = { membership: { instance, session }, holds }
    this.#options.onHolds(holds)
    return true
  }

  #membership(): Membership {
    if (this.#attached === undefined) throw new Error('the instance is about to register anew')
    return this.#attached.membership
  }

  /** A connection that misses this limit is destroyed, not waited for: TCP alone takes minutes to see a hung peer. */
  #within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#sent = bothClocks(this.#clock)
    return withTimeLimit(this.#clock, Math.min(this.#options.times.lease / 4, BEAT_LIMIT), work)
  }

  /** The connection is given up, and a new one made soon. */
  #failed(cause: unknown): void {
    if (this.#closing.signal.aborted) {
      this.#disconnect()
      return
    }
    const worked = this.#link !== undefined && this.#attached !== undefined
    this.#cause = cause
    if (worked) {
      this.#reconnects++
      this.#options.onReport({ event: 'disconnected', cause })
    }
    this.#disconnect()
    this.#report(cause)
  }

  #disconnect(): void {
    this.#attached = undefined
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
      resets: this.#resets,
      reconnects: this.#reconnects,
      failedBeats: this.#failedBeats,
      gone: this.#gone,
      freezes: this.#freezes.count,
      sinceCoherent: !this.#joined ? null : this.state === 'coherent' ? 0 : now - this.#provenAt,
      members: this.#members,
      push: this.#push.stats(),
    }
  }
}
