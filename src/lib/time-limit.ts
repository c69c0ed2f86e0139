/** Every await on a store has a time limit: a hanging peer must not hang a request. */
import type { Clock } from './clock.ts'

export class TimeLimitError extends Error {
  override readonly name = 'TimeLimitError'
}

/**
 * Runs `work` for at most `ms`. When the time is over the promise rejects with a `TimeLimitError` at once, whatever
 * `work` does, and the signal that `work` was given is aborted so that it can let go of what it holds.
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
    const abort = new AbortController()
    const giveUp = (reason: unknown) => {
      reject(reason)
      abort.abort(reason)
    }
    const timer = clock.setTimer(() => giveUp(new TimeLimitError(`no answer within ${ms} ms`)), ms)
    const onCancel = () => giveUp(cancelled?.reason)
    cancelled?.addEventListener('abort', onCancel, { once: true })
    // An async function, so that work which throws at once rejects as well.
    const run = async () => {
      cancelled?.throwIfAborted()
      return work(abort.signal)
    }
    void run()
      .then(resolve, reject)
      .finally(() => {
        timer.cancel()
        cancelled?.removeEventListener('abort', onCancel)
      })
  })
}
