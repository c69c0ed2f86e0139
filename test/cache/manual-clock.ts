/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from '../../src/lib/clock.ts'

export class ManualClock implements Clock {
  #now = 1_000
  #offset = 1_700_000_000_000
  #heldUp: number[] = []
  #timers: { at: number; callback: () => void }[] = []

  now = (): number => this.#now
  wall = (): number => {
    this.#now += this.#heldUp.shift() ?? 0
    return this.#now + this.#offset
  }

  setTimer(callback: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, callback }
    this.#timers.push(timer)
    return {
      cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)),
      unref: () => {},
    }
  }

  /** Lets both clocks run, firing the timers that come due in order, with all that follows from each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const at = Math.min(...this.#timers.map((timer) => timer.at))
      if (at > end) break
      this.#now = Math.max(this.#now, at)
      // Timers of one instant fire without a pause between them, as those of an event loop do.
      const due = this.#timers.filter((timer) => timer.at === at)
      this.#timers = this.#timers.filter((timer) => timer.at !== at)
      for (const { callback } of due) callback()
    }
    this.#now = Math.max(this.#now, end)
    await settle()
  }

  /** Time passes, but no timer has fired yet: a process that was stopped and has just been let go on. */
  freeze(ms: number): void {
    this.#now += ms
  }

  /** The next times that the wall clock is read, the process is held up right before. */
  holdUpBeforeWall(...ms: number[]): void {
    this.#heldUp = ms
  }

  /** The machine sleeps, or somebody sets the wall clock: only that one moves. */
  jumpWall(ms: number): void {
    this.#offset += ms
  }

  get pendingTimers(): number {
    return this.#timers.length
  }
}

/** Lets every promise that is ready run, and what follows from it. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
