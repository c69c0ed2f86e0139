/** Time limits. Every await on a store has one: a hung peer must not hang a request. */
import { bothClocks, type Clock, type Moment } from './clock.ts'

export class TimeLimitError extends Error {
  override readonly name = 'TimeLimitError'

  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms`)
  }
}

/** Whether more than `ms` have passed since a moment, on either clock. The monotonic clock misses a suspension. */
export function isOver(clock: Clock, since: Moment, ms: number): boolean {
  return clock.now() - since.now > ms || clock.wall() - since.wall > ms
}

/**
 * Runs `work` for at most `ms`. After that, the promise rejects with a `TimeLimitError` at once, whatever `work` does.
 * The signal given to `work` is aborted, so that it can release what it holds.
 *
 * An answer that arrives in time but is read too late, because the process was held up, does not count. No timer runs
 * meanwhile, so the clocks are checked when it is read.
 *
 * @param cancelled ends it early, with its own reason
 */
export function withTimeLimit<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  cancelled?: AbortSignal,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const since = bothClocks(clock)
    const abort = new AbortController()
    const giveUp = (reason: unknown) => {
      reject(reason)
      abort.abort(reason)
    }
    const timer = clock.setTimer(() => giveUp(new TimeLimitError(ms)), ms)
    const onCancel = () => giveUp(cancelled?.reason)
    cancelled?.addEventListener('abort', onCancel)
    // An async function, so that work that throws synchronously rejects as well.
    const run = async () => {
      cancelled?.throwIfAborted()
      return work(abort.signal)
    }
    void run()
      .then((answer) => {
        if (isOver(clock, since, ms)) giveUp(new TimeLimitError(ms))
        else resolve(answer)
      }, reject)
      .finally(() => {
        timer.cancel()
        cancelled?.removeEventListener('abort', onCancel)
      })
  })
}

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error)
  })
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
