/** Several attempts at one thing, each of which may hang: the first that succeeds is taken. */

export interface HedgeOptions {
  /** Milliseconds until an attempt that has not succeeded gets company. */
  pause: number
  /** Attempts in all. */
  most: number
  /** Whether it is no use to try again. */
  isFinal: (error: unknown) => boolean
  signal: AbortSignal
}

/**
 * @param attempt its signal is aborted as soon as another one has won; `isWinner` says whether it is the one that was taken
 * @param drop what came too late
 * @throws what the last attempt failed of, where all fail
 */
export function hedged<Result>(
  attempt: (signal: AbortSignal, isWinner: () => boolean) => Promise<Result>,
  drop: (late: Result) => void,
  { pause, most, isFinal, signal }: HedgeOptions,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const losers = new Set<AbortController>()
    let started = 0
    let over = false
    let timer: NodeJS.Timeout | undefined
    const end = (settle: () => void) => {
      over = true
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      settle()
      for (const loser of losers) loser.abort(signal.reason ?? new Error('another attempt was faster'))
    }
    const onAbort = () => end(() => reject(signal.reason))
    const start = () => {
      clearTimeout(timer)
      const own = new AbortController()
      let won = false
      started++
      losers.add(own)
      if (started < most) timer = setTimeout(start, pause)
      attempt(own.signal, () => won).then(
        (result) => {
          losers.delete(own)
          if (over) return drop(result)
          won = true
          return end(() => resolve(result))
        },
        (error: unknown) => {
          losers.delete(own)
          if (over) return
          if (isFinal(error)) end(() => reject(error))
          else if (started < most) start()
          else if (losers.size === 0) end(() => reject(error))
        },
      )
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    return start()
  })
}
