/**
 * This instance's membership of the fleet: connects, registers, beats, and extends the lease on the proof of each beat.
 *
 * One beat is one round trip. It acknowledges what this instance has dropped already, never what it is about to (5), and
 * brings what changed since. Only a position that the store has seen acknowledged extends the lease, counted from the
 * moment at which the beat that read it was sent.
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { TenantAuthError } from '../errors.ts'
import type { FleetCoherence, FleetLink, Position } from '../stores/key-store.ts'
import type { Clock, Timer } from '../clock.ts'
import { connect } from './fleet-connection.ts'
import type { FleetReport, FleetState, FleetStats, ResetReason } from './fleet-report.ts'
import type { Lease } from './lease.ts'
import { PushWatch } from './push-watch.ts'
import { withTimeLimit } from '../time-limit.ts'

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

/** How long `close` waits to take the instance's row away. Without it, the next revocation waits for the lease. */
const LEAVE_TIMEOUT = 1_000

export class FleetMember {
  readonly #options: FleetMemberOptions
  readonly #clock: Clock
  readonly #lease: Lease
  readonly #instance = randomUUID()
  readonly #closing = new AbortController()
  readonly #push: PushWatch
  #link: FleetLink | undefined
  #registered = false
  /** Where this instance stands: all that changed up to here is dropped. */
  #known: Position | undefined
  /** When the beat that read `#known` was sent. */
  #asked = { now: -Infinity, wall: 0 }
  #running: Promise<void> | undefined
  #woken = false
  #wakeUp: (() => void) | undefined
  #reported: FleetState = 'cold'
  #lastAnswer: number | null = null
  #resets = 0

  constructor(options: FleetMemberOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#lease = options.lease
    this.#push = new PushWatch((silent) =>
      options.onReport?.({ event: silent ? 'push-silent' : 'push-restored' }),
    )
  }

  get state(): FleetState {
    if (this.#known === undefined) return 'cold'
    return this.#lease.holds(this.#clock.now(), this.#clock.wall()) ? 'coherent' : 'suspect'
  }

  /**
   * Returns when the first round is over, whether it went well or not.
   *
   * @throws `TENANT_AUTH_FLEET_MISMATCH`: this instance must not start
   */
  async start(): Promise<void> {
    try {
      await this.#round()
    } catch (error) {
      this.#failed(error)
      if (isMismatch(error)) throw error
    }
    this.#running = this.#run()
  }

  /** Beats at once: somebody says that something changed, or the lease was voided. */
  wake(): void {
    this.#woken = true
    this.#wakeUp?.()
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

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#pause()
      if (this.#closing.signal.aborted) return
      try {
        await this.#round()
      } catch (error) {
        this.#failed(error)
      }
    }
  }

  /** Until the next heartbeat, or until woken. */
  async #pause(): Promise<void> {
    let timer: Timer | undefined
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wakeUp = resolve
        timer = this.#clock.setTimer(resolve, this.#options.coherence.heartbeat)
        timer.unref()
      })
    }
    timer?.cancel()
    this.#wakeUp = undefined
    this.#woken = false
  }

  /** Beats until the store has nothing new and knows that this instance has nothing old. */
  async #round(): Promise<void> {
    const link = (this.#link ??= await this.#connect())
    if (!this.#registered) await this.#register(link)
    for (;;) {
      const asked = { now: this.#clock.now(), wall: this.#clock.wall() }
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
      }
      this.#push.found(position.epoch, this.#clock.now())
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
    if (this.#reported !== 'cold') this.#report()
    this.#lease.extend(this.#asked.now + this.#options.coherence.lease, this.#asked, this.#clock.now())
    this.#report()
  }

  async #connect(): Promise<FleetLink> {
    return connect(this.#options.coherence, this.#clock, this.#closing.signal, {
      onPush: (epoch) => {
        this.#push.pushed(epoch, this.#clock.now())
        if (this.#known === undefined || epoch > this.#known.epoch) this.wake()
      },
      onLost: (link, cause) => {
        if (this.#link !== link) return
        this.#failed(cause)
        this.wake()
      },
    })
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
    return withTimeLimit(this.#clock, this.#options.coherence.lease / 4, work)
  }

  #failed(cause: unknown): void {
    this.#link?.destroy()
    this.#link = undefined
    this.#report(cause)
  }

  #reset(reason: ResetReason): void {
    this.#lease.void()
    this.#options.onReset()
    this.#resets++
    this.#options.onReport?.({ event: 'reset', reason })
    this.#report()
  }

  #report(cause?: unknown): void {
    const { state } = this
    if (state === this.#reported || this.#closing.signal.aborted) return
    const from = this.#reported
    this.#reported = state
    this.#options.onReport?.({ event: 'state', state, from, ...(cause === undefined ? {} : { cause }) })
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

function isMismatch(error: unknown): boolean {
  return error instanceof TenantAuthError && error.code === 'TENANT_AUTH_FLEET_MISMATCH'
}
