/** What must be true at the end of a soak. */

export interface Leftover {
  instance: string
  /** Connections to the store. */
  connections: number
  /** `undefined` if the instance did not say. */
  pendingLookups: number | undefined
}

export interface SoakFigures {
  trials: number
  violations: number
  /** The memory that each instance uses at the end, as a multiple of what it used once warm. */
  growth: readonly { instance: string; factor: number }[]
  leftovers: readonly Leftover[]
}

/** The largest growth that is accepted, as a factor. */
const GROWTH = 1.3

/**
 * @param connections the most that an instance may have to its store
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
