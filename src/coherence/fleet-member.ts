/**
 * This instance's membership of the fleet: connects, registers, beats, and extends the lease on the proof of each beat.
 *
 * One beat is one round trip. It acknowledges what this instance has dropped already, never what it is about to (5), and
 * brings what changed since. Only a position that the store has seen acknowledged extends the lease, counted from the
 * moment at which the beat that read it was sent.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { FleetCoherence, FleetLink, Position } from '../stores/coherent-key-store.ts'
import { bothClocks, type Clock } from '../lib/clock.ts'
import { connect } from './fleet-connection.ts'
import type { FleetReport, FleetState, FleetStats, ResetReason } from './fleet-report.ts'
import type { Lease } from './lease.ts'
import { Pause } from './pause.ts'
import { PushWatch } from './push-watch.ts'
import { isRefusal, StateReporter } from './state-reporter.ts'
import { withTimeLimit } from '../lib/time-limit.ts'

export interface FleetMemberOptions {
  coherence: FleetCoherence
  clock: Clock
  lease: Lease
  /** Milliseconds beyond the lease for which this instance may serve. */
  staleIfError: number
  onChanged(hashes: readonly string[]): void
  onReset(): void
  onReport?: ((report: FleetReport) => void) | undefined
}

/** Milliseconds that `start` waits. Fastify gives a hook ten seconds, after which the app would not start at all. */
const START_LIMIT = 5_000
/** Milliseconds that a beat may take at most, however long the lease. */
const BEAT_LIMIT = 2_000
/** Milliseconds until the next attempt of an instance that the fleet does not take: somebody has to do something first. */
const REFUSED_PAUSE = 30_000
/** How long `close` waits to take the instance's row away. Without it, the next revocation waits for the lease. */
const LEAVE_TIMEOUT = 1_000

export class FleetMember {
  readonly #options: FleetMemberOptions
  readonly #clock: Clock
  readonly #lease: Lease
  readonly #instance = randomUUID()
  readonly #closing = new AbortController()
  readonly #pause: Pause
  readonly #push: PushWatch
  readonly #reporter: StateReporter
  #link: FleetLink | undefined
  #registered = false
  /** Where this instance stands: all that changed up to here is dropped. */
  #known: Position | undefined
  /** When the beat that read `#known` was sent. */
  #asked = { now: -Infinity, wall: 0 }
  #running: Promise<void> | undefined
  /** When it last connected anew without waiting for the next heartbeat. */
  #hurriedAt = -Infinity
  #lastAnswer: number | null = null
  #resets = 0

  constructor(options: FleetMemberOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#lease = options.lease
    this.#pause = new Pause(options.clock)
    this.#push = new PushWatch((silent) =>
      options.onReport?.({ event: silent ? 'push-silent' : 'push-restored' }),
    )
    this.#reporter = new StateReporter((report) => options.onReport?.(report))
  }

  get state(): FleetState {
    if (this.#known === undefined) return 'cold'
    return this.#lease.holds(this.#clock.now(), this.#clock.wall()) ? 'coherent' : 'suspect'
  }

  /**
   * Returns when the first round is over, whether it went well or not, and after five seconds in any case. It goes on in
   * the background.
   *
   * @throws `TENANT_AUTH_FLEET_MISMATCH`, `TENANT_AUTH_BAD_OPTION`: this instance must not start
   */
  async start(): Promise<void> {
    const first = this.#round()
    const outcome = withTimeLimit(this.#clock, START_LIMIT, () => first).then(
      () => undefined,
      (error: unknown) => error,
    )
    this.#running = outcome.then((error) => (isRefusal(error) ? this.#disconnect() : this.#run(first)))
    const error = await outcome
    if (isRefusal(error)) throw error
  }

  /** Beats at once: somebody says that something changed, or the lease was voided. */
  wake(): void {
    this.#pause.end()
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the fleet member is closed'))
    this.#lease.void()
    this.wake()
    await this.#running
    const link = this.#link
    if (link === undefined) return
    // A failure costs the next revocation the wait for a lease, and nothing else.
    await withTimeLimit(this.#clock, LEAVE_TIMEOUT, (signal) => link.leave(this.#instance, signal)).catch(
      () => {},
    )
    link.destroy()
  }

  async #run(first: Promise<void>): Promise<void> {
    for (let round = first; ; round = this.#round()) {
      let pause = this.#options.coherence.heartbeat
      try {
        await round
      } catch (error) {
        this.#failed(error)
        if (isRefusal(error)) pause = REFUSED_PAUSE
      }
      await this.#pause.wait(pause)
      if (this.#closing.signal.aborted) return
    }
  }

  /** Beats until the store has nothing new and knows that this instance has nothing old. */
  async #round(): Promise<void> {
    const link = (this.#link ??= await this.#connect())
    if (!this.#registered) await this.#register(link)
    for (;;) {
      const asked = bothClocks(this.#clock)
      const known = this.#known
      const { member, position, changed } = await this.#withinBeat((signal) =>
        link.beat(this.#instance, known ?? null, signal),
      )
      this.#lastAnswer = this.#clock.now()
      if (!member) {
        // Registers anew with the next heartbeat. Until then every look-up asks the store.
        this.#registered = false
        this.#known = undefined
        this.#reset('reaped')
        return
      }
      if (known === undefined) {
        this.#advance(position, asked) // Nothing was cached before, so there is nothing to drop.
        continue
      }
      if (position.tag === known.tag && position.epoch === known.epoch) {
        this.#advance(position, asked)
        this.#prove()
        this.#push.settled(this.#clock.now(), this.#options.coherence.heartbeat / 2)
        return
      }
      if (position.tag !== known.tag) this.#reset('other-history')
      else if (position.epoch < known.epoch) this.#reset('epoch-went-back')
      else if (changed === null) this.#reset('gap')
      else {
        this.#options.onChanged(changed) // (2)
        this.#prove() // `known` is acknowledged now, and was read when `#asked` says.
        this.#push.found(position.epoch, this.#clock.now())
      }
      this.#advance(position, asked)
    }
  }

  #advance(position: Position, asked: { now: number; wall: number }): void {
    this.#known = position
    this.#asked = asked
  }

  #prove(): void {
    if (this.#closing.signal.aborted) return
    // A lease that lapsed while nothing failed, as in a process that was stopped, is worth a line as well.
    if (this.#reporter.state !== 'cold') this.#report()
    this.#lease.extend(this.#asked.now + this.#options.coherence.lease, this.#asked, this.#clock.now())
    this.#report()
  }

  async #connect(): Promise<FleetLink> {
    return connect(this.#options.coherence, this.#clock, this.#closing.signal, {
      onPush: (epoch) => {
        this.#push.pushed(epoch, this.#clock.now())
        this.#wakeFor(epoch)
      },
      onOwnWrite: (epoch) => this.#wakeFor(epoch),
      onLost: (link, cause) => {
        if (this.#link === link) this.#failed(cause)
      },
    })
  }

  #wakeFor(epoch: number): void {
    if (this.#known === undefined || epoch > this.#known.epoch) this.wake()
  }

  async #register(link: FleetLink): Promise<void> {
    const { coherence, staleIfError } = this.#options
    const info = {
      instance: this.#instance,
      label: `${hostname()}:${process.pid}`,
      holds: coherence.lease + staleIfError,
    }
    await this.#withinBeat((signal) => link.register(info, signal))
    this.#registered = true
    this.#known = undefined
  }

  /** A connection that misses this limit is destroyed, not waited for: TCP alone takes minutes to see a hung peer. */
  #withinBeat<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withTimeLimit(this.#clock, Math.min(this.#options.coherence.lease / 4, BEAT_LIMIT), work)
  }

  /** The connection is given up. One that did its work is replaced at once, but only one in each heartbeat. */
  #failed(cause: unknown): void {
    const worked = this.#link !== undefined && this.#registered
    this.#disconnect()
    this.#report(cause)
    const now = this.#clock.now()
    if (!worked || now - this.#hurriedAt < this.#options.coherence.heartbeat) return
    this.#hurriedAt = now
    this.wake()
  }

  #disconnect(): void {
    this.#link?.destroy()
    this.#link = undefined
  }

  #reset(reason: ResetReason): void {
    this.#lease.void()
    this.#options.onReset()
    this.#push.startOver()
    this.#resets++
    this.#options.onReport?.({ event: 'reset', reason })
    this.#report()
  }

  #report(cause?: unknown): void {
    if (!this.#closing.signal.aborted) this.#reporter.report(this.state, cause)
  }

  stats(): FleetStats {
    const now = this.#clock.now()
    return {
      state: this.state,
      leaseRemaining: Math.max(0, this.#lease.end - now),
      lastHeartbeat: this.#lastAnswer === null ? null : now - this.#lastAnswer,
      epoch: this.#known?.epoch ?? null,
      resets: this.#resets,
      push: this.#push.stats(),
    }
  }
}
