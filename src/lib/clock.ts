/** The clocks of the cache and of every time limit. Injected, so that tests can play races step by step. */

export interface Clock {
  /** Monotonic milliseconds. Stands still while the machine is suspended. */
  now(): number
  /** Milliseconds since 1970, as in a key's expiry. May jump. */
  wall(): number
  /** Calls back once after `ms`. */
  setTimer(callback: () => void, ms: number): Timer
}

/** Both clocks, read together. */
export interface Moment {
  now: number
  wall: number
}

/**
 * Reads both clocks at one moment. If the process was held up between the two reads, as on a busy machine, reads them
 * again.
 */
export function bothClocks(clock: Clock): Moment {
  let clocks
  for (let tries = 0; tries < 5; tries++) {
    clocks = { now: clock.now(), wall: clock.wall() }
    if (clock.now() - clocks.now < 1) break
  }
  return clocks as Moment
}

export interface Timer {
  cancel(): void
  /** Lets the process exit without waiting for the timer. */
  unref(): void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(callback, ms) {
    const timer = setTimeout(callback, ms)
    return { cancel: () => clearTimeout(timer), unref: () => void timer.unref() }
  },
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimer(resolve, ms))
}
