/** What must be true when a soak is over. */

export interface Leftover {
  instance: string
  /** To the store. */
  connections: number
  /** `undefined` where the instance did not say. */
  pendingLookups: number | undefined
}

export interface SoakFigures {
  trials: number
  violations: number
  /** Of each instance: what it holds at the end, as a multiple of what it held when it was warm. */
  growth: readonly { instance: string; factor: number }[]
  leftovers: readonly Leftover[]
}

/** How much more an instance may hold at the end than it did when it was warm. */
const GROWTH = 1.3

/**
 * @param connections how many an instance may have to its store
 * @returns what is wrong, in words
 */
export function judgeSoak(figures: SoakFigures, connections: number): string[] {
  const { trials, violations, growth, leftovers } = figures
  const wrong: string[] = []
  if (trials === 0) wrong.push('no trial was played')
  if (violations > 0) wrong.push(`${violations} violations`)
  if (growth.length === 0 || leftovers.length === 0) wrong.push('no instance was measured')
  for (const { instance, factor } of growth) {
    if (Number.isNaN(factor)) wrong.push(`${instance} did not live long enough for its memory to be judged`)
    else if (factor >= GROWTH) wrong.push(`${instance} holds ${factor} times what it held when it was warm`)
  }
  for (const { instance, connections: open, pendingLookups } of leftovers) {
    if (pendingLookups !== 0) wrong.push(`${instance} has ${pendingLookups} look-ups pending`)
    if (!(open <= connections)) wrong.push(`${instance} has ${open} connections, more than ${connections}`)
  }
  return wrong
}
